"""Stands in for Slurm's srun: starts every task of every node on this machine.

Each task is told its place (SLURM_NODEID, SLURM_LOCALID). When one fails, all
others are killed; SIGTERM is passed on to all. The exit status is the highest
of the tasks'. FAKE_NODES says how many nodes the job has.
"""

import itertools
import os
import pathlib
import signal
import subprocess
import sys
import time

command = sys.argv[1:]
while command[0].startswith('--'):
  command.pop(0)


def send(number):
  for task in tasks:
    if task.poll() is None:
      os.killpg(task.pid, number)


places = itertools.product(
  range(int(os.environ['FAKE_NODES'])),
  range(int(os.environ['SLURM_NTASKS_PER_NODE'])),
)
tasks = [
  subprocess.Popen(
    command,
    start_new_session=True,
    env={
      **os.environ,
      'SLURM_NODEID': str(node),
      'SLURM_LOCALID': str(local),
      'BATCH_ID': str(os.getppid()),
    },
  )
  for node, local in places
]
signal.signal(signal.SIGTERM, lambda number, _: send(number))
pathlib.Path('srun.pid').write_text(str(os.getpid()))
while None in (statuses := [task.poll() for task in tasks]):
  if any(statuses):
    send(signal.SIGKILL)
  time.sleep(0.01)
sys.exit(max(statuses))

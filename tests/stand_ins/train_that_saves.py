"""Stands in for train.py: at SIGTERM, the chief saves with the help of its ps.

As soon as all tasks are ready, the chief sends SIGUSR1 to the batch script, as
Slurm does shortly before a job's time is up. The chief then leaves the file
`saved`, provided that the ps still runs, if the job has one.
"""

import json
import os
import pathlib
import signal
import sys
import time

config = json.loads(os.environ['TF_CONFIG'])
job = config['task']['type']
has_ps = 'ps' in config['cluster']
num_tasks = sum(map(len, config['cluster'].values()))


def save(*_):
  time.sleep(0.3)
  if has_ps:
    os.kill(int(pathlib.Path('ps').read_text()), 0)
  pathlib.Path('saved').touch()
  sys.exit(128 + signal.SIGTERM)


if job == 'chief':
  signal.signal(signal.SIGTERM, save)
elif job == 'worker':
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
else:
  pathlib.Path('ps').write_text(str(os.getpid()))
pathlib.Path(f'{os.getpid()}.ready').touch()
if job == 'chief':
  while len(list(pathlib.Path().glob('*.ready'))) < num_tasks:
    time.sleep(0.01)
  os.kill(int(os.environ['BATCH_ID']), signal.SIGUSR1)
time.sleep(30)

"""Stands in for train.py: a task that behaves as a test wants it to.

    supervised_task.py FOLDER PLAN

PLAN is JSON: {task: [what to do at its first start, at its second, ...]}. The
last entry is repeated; a task without entries sleeps. Each start leaves a file
FOLDER/<task>.<number of the start>, which contains the process id.
"""

import json
import os
import pathlib
import signal
import sys
import time

folder = pathlib.Path(sys.argv[1])
plan = json.loads(sys.argv[2])
task = json.loads(os.environ['TF_CONFIG'])['task']
name = f'{task["type"]} {task["index"]}'


def mark_start():
  """Leaves the file of this start; returns the number of earlier starts."""
  number = len(list(folder.glob(f'{name}.*')))
  temporary = folder / f'.{name}.{number}'
  temporary.write_text(str(os.getpid()))
  temporary.rename(folder / f'{name}.{number}')
  return number


def wait_for(names):
  while not all((folder / each).exists() for each in names.split(',')):
    time.sleep(0.01)


def save_and_leave(number, frame):
  """Leaves the file `saved`, provided that the ps, if any, still run."""
  del frame
  for ps in folder.glob('ps 0.*'):
    os.kill(int(ps.read_text()), 0)
  (folder / 'saved').touch()
  sys.exit(128 + number)


def save_slowly(number, frame):
  (folder / f'told {name}').touch()
  time.sleep(0.5)
  save_and_leave(number, frame)


def tell_mistake(*_):
  sys.exit(f'error: {argument}')


HANDLERS = {
  'save': save_and_leave,
  'slow': save_slowly,
  'mistake_when_told': tell_mistake,
  'stubborn': signal.SIG_IGN,
}

start = mark_start()
actions = plan.get(name, ['sleep'])
action, _, argument = actions[min(start, len(actions) - 1)].partition(' ')
if action == 'wait':  # It waits for files and ends well.
  wait_for(argument)
elif action == 'status':
  sys.exit(int(argument))
elif action == 'kill':  # It kills itself once files are there.
  wait_for(argument or '.')
  os.kill(os.getpid(), signal.SIGKILL)
elif action == 'mistake':
  sys.exit(f'error: {argument}')
elif action == 'print':
  sys.stdout.write(argument)
elif action in HANDLERS:  # What it does when it gets SIGTERM.
  signal.signal(signal.SIGTERM, HANDLERS[action])
  (folder / f'ready {name}').touch()
  time.sleep(60)
else:
  time.sleep(60)

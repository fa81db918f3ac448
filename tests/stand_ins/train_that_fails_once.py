"""Stands in for train.py: the task FAILING ends with status 3 the first time.

All other tasks end well once that task was started again. FAILING is an
environment variable such as 'worker 2'. Each task notes its starts in a file.
"""

import json
import os
import pathlib
import time

task = json.loads(os.environ['TF_CONFIG'])['task']
name = f'{task["type"]} {task["index"]}'
starts = pathlib.Path(f'{name}.starts')
with starts.open('a') as stream:
  stream.write('x')
if name == os.environ['FAILING'] and starts.read_text() == 'x':
  raise SystemExit(3)
failing = pathlib.Path(f'{os.environ["FAILING"]}.starts')
while not failing.exists() or failing.read_text() == 'x':
  time.sleep(0.01)

"""Stands in for train.py: the task FAILING ends with status 3 six times.

All tasks end well once that task was started a seventh time. FAILING is an
environment variable such as 'worker 2'.
"""

import json
import os
import pathlib
import time

task = json.loads(os.environ['TF_CONFIG'])['task']
is_failing = f'{task["type"]} {task["index"]}' == os.environ['FAILING']
starts = pathlib.Path('starts')
if is_failing:
  with starts.open('a') as stream:
    stream.write('x')
while not starts.exists() or starts.stat().st_size < 7:
  if is_failing:
    raise SystemExit(3)
  time.sleep(0.01)

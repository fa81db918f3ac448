"""Stands in for train.py: at its first start, all tasks have lost another one.

The workers end with status 75 at once. The chief saves before, and leaves the
file `saved`. At the second start all tasks end well.
"""

import json
import os
import pathlib
import time

saved = pathlib.Path('saved')
if not saved.exists():
  task = json.loads(os.environ['TF_CONFIG'])['task']
  if task['type'] == 'chief':
    time.sleep(0.3)
    saved.touch()
  raise SystemExit(75)

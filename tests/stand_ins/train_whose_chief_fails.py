"""Stands in for train.py: the chief ends with status 7, the others with 0."""

import json
import os

task = json.loads(os.environ['TF_CONFIG'])['task']
raise SystemExit(7 if task['type'] == 'chief' else 0)

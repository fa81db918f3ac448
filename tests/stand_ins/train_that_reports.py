"""Stands in for train.py: prints as one line of JSON what a task was told."""

import json
import os
import sys

report = {
  'config': json.loads(os.environ['TF_CONFIG']),
  'arguments': sys.argv[1:],
  'gpus': os.environ.get('CUDA_VISIBLE_DEVICES'),
}
# A single write, so that the lines of many tasks do not mix.
sys.stdout.write(json.dumps(report) + '\n')

"""Stands in for Slurm's scontrol: lists the nodes, or prints its arguments."""

import os
import sys

if sys.argv[1:3] == ['show', 'hostnames']:
  lines = [f'node{i}' for i in range(int(os.environ['FAKE_NODES']))]
else:
  lines = sys.argv[1:]
print(*lines, sep='\n')

"""Stands in for Slurm's scancel: sends SIGTERM to the job's srun."""

import os
import pathlib
import signal
import sys

assert sys.argv[1:] == ['--signal=TERM', '1234567']
os.kill(int(pathlib.Path('srun.pid').read_text()), signal.SIGTERM)

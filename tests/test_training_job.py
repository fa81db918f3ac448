"""What a job is, and that train.py can give it to any engine."""

import dataclasses
import importlib
import inspect
import json

import programs
import pytest

from two_stream import recipe
from two_stream.training import training_job
from two_stream.video import pixels


def test_the_defaults_are_the_published_recipe():
  hyperparameters = training_job.Hyperparameters(
    stream='rgb', learning_rates=recipe.STREAMS['rgb'].learning_rates
  )
  assert hyperparameters.replicas_to_aggregate == 64
  assert (hyperparameters.batch_size, hyperparameters.num_frames) == (6, 64)
  assert hyperparameters.momentum == 0.9
  assert hyperparameters.weight_decay == 1e-7
  assert hyperparameters.dropout_keep_prob == 0.5


# Its flags would meet those of other scripts if this process imported it.
TRAIN = """
import json
import train
print(json.dumps({
  'flags': {name: train.FLAGS[name].default for name in train.FLAGS},
  'engines': train.ENGINES,
}, default=str))
"""


@pytest.fixture(name='train', scope='module')
def look_at_train():
  """The default of each flag of train.py, and its engines."""
  return json.loads(programs.run_code(TRAIN, check=True).stdout)


@pytest.mark.process
def test_every_hyperparameter_is_a_flag_with_the_same_default(train):
  for field in dataclasses.fields(training_job.Hyperparameters):
    default = train['flags'][field.name]
    if field.name == 'train_only':
      default = recipe.parse_units(default)
    if field.default is not dataclasses.MISSING:
      assert default == field.default, field.name


@pytest.mark.process
def test_every_engine_runs_a_task_of_a_job(train):
  assert train['flags']['engine'] == 'sync_replicas'  # As published.
  assert 'sync_replicas' in train['engines']
  for name in train['engines'].values():
    engine = importlib.import_module(name)
    assert list(inspect.signature(engine.run).parameters) == ['job', 'task']


def test_a_job_does_not_change():
  job = training_job.Job(
    hyperparameters=training_job.Hyperparameters(
      stream='flow', learning_rates=((0, 0.1),)
    ),
    records_dir='records',
    train_dir='run',
    max_steps=1,
  )
  with pytest.raises(dataclasses.FrozenInstanceError):
    job.max_steps = 2


# Prints what is said of each value, as `NAME=VALUE` in the command line.
PARSE = """
import sys
import train
for name, _, value in (argument.partition('=') for argument in sys.argv[1:]):
  try:
    train.FLAGS[name].parse(value)
    print('accepted')
  except train.flags.IllegalFlagValueError as error:
    print(error)
"""


@pytest.mark.process
def test_numbers_that_no_machine_can_take_are_refused_with_their_range():
  bounds = {
    'batch_size': (1, 1024),
    'num_frames': (recipe.MIN_FRAMES, pixels.MAX_FRAMES),
    'depth_multiplier': (1 / 16, 16),
    'replicas_to_aggregate': (1, 100_000),
  }
  good = [f'{name}={top}' for name, (_, top) in bounds.items()]
  bad = [f'{name}={2 * top}' for name, (_, top) in bounds.items()]
  result = programs.run_code(PARSE, *good, *bad, check=True)
  lines = result.stdout.splitlines()
  assert lines[: len(good)] == ['accepted'] * len(good)
  for line, (low, top) in zip(lines[len(good) :], bounds.values(), strict=True):
    assert f'in the range [{low}, {top}]' in line

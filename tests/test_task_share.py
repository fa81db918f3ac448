"""Which share of the shards a task of a job array gets."""

import pytest

from two_stream import errors
from two_stream.preprocessing import task_share


@pytest.mark.parametrize(
  ('environment', 'task'),
  [
    ({}, (0, 1)),
    ({'ID': '3', 'COUNT': '8', 'MIN': '0'}, (3, 8)),
    ({'ID': '3', 'COUNT': '8'}, (3, 8)),
    ({'ID': '8', 'COUNT': '8', 'MIN': '1'}, (7, 8)),
    ({'ID': '12', 'COUNT': '4', 'MIN': '0', 'STEP': '4'}, (3, 4)),
  ],
)
def test_the_share_of_the_work_comes_from_slurm(environment, task):
  environment = {f'SLURM_ARRAY_TASK_{k}': v for k, v in environment.items()}
  assert task_share.find(None, None, environment) == task


@pytest.mark.parametrize('name', ['ID', 'COUNT', 'MIN', 'STEP'])
@pytest.mark.parametrize('value', ['', 'x', '-1', ' 1', '1_0', '\u0661'])
def test_slurm_variables_that_are_no_numbers_are_named(name, value):
  variable = f'SLURM_ARRAY_TASK_{name}'
  with pytest.raises(errors.InputError, match=f'{variable}: .* whole number'):
    task_share.find(None, None, {variable: value})


@pytest.mark.parametrize(
  ('environment', 'message'),
  [
    ({'ID': '0', 'STEP': '0'}, 'SLURM_ARRAY_TASK_STEP: 0'),
    ({'ID': '1', 'MIN': '2', 'COUNT': '3'}, 'SLURM_ARRAY_TASK_ID: 1'),
    ({'ID': '5', 'MIN': '2', 'STEP': '2', 'COUNT': '3'}, 'ARRAY_TASK_ID: 5'),
    ({'ID': '5', 'COUNT': '5'}, 'task_index: 5 of 5'),
  ],
)
def test_a_place_that_no_slurm_array_has_is_refused(environment, message):
  environment = {f'SLURM_ARRAY_TASK_{k}': v for k, v in environment.items()}
  with pytest.raises(errors.InputError, match=message):
    task_share.find(None, None, environment)


def test_the_flags_come_before_slurm():
  environment = {'SLURM_ARRAY_TASK_ID': '3', 'SLURM_ARRAY_TASK_COUNT': '8'}
  assert task_share.find(1, 2, environment) == (1, 2)
  assert task_share.find(5, None, environment) == (5, 8)
  with pytest.raises(errors.InputError, match='task_index: 3 of 2'):
    task_share.find(None, 2, environment)


def test_the_share_of_the_work_comes_from_kubernetes():
  assert task_share.find(None, 8, {'JOB_COMPLETION_INDEX': '3'}) == (3, 8)
  assert task_share.find(2, 8, {'JOB_COMPLETION_INDEX': '3'}) == (2, 8)


@pytest.mark.parametrize(
  ('index', 'num_tasks', 'message'),
  [
    ('3', None, '--num_tasks: JOB_COMPLETION_INDEX is 3, .* completions'),
    ('0', None, '--num_tasks: JOB_COMPLETION_INDEX is 0, .* completions'),
    ('8', 8, 'task_index: 8 of 8'),
    ('x', 8, 'JOB_COMPLETION_INDEX: .* whole number'),
    ('-1', 8, 'JOB_COMPLETION_INDEX: .* whole number'),
  ],
)
def test_a_pod_without_a_share_is_refused(index, num_tasks, message):
  with pytest.raises(errors.InputError, match=message):
    task_share.find(None, num_tasks, {'JOB_COMPLETION_INDEX': index})

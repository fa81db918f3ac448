"""Which share of the shards is this task's, when many tasks share the work.

A task is told by the flags --task_index and --num_tasks, or by the environment
of a Slurm job array or of a Kubernetes Indexed Job.
"""

from collections.abc import Mapping
from typing import NamedTuple

from two_stream import documents, errors

# Kubernetes sets it in the pods of an Indexed Job:
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
_INDEX_OF_POD = 'JOB_COMPLETION_INDEX'


class TaskShare(NamedTuple):
  """One of several equal shares of the work.

  Attributes:
    task_index: which share, 0 <= task_index < num_tasks.
    num_tasks: into how many shares the work is divided.
  """

  task_index: int = 0
  num_tasks: int = 1


def find(
  task_index: int | None,
  num_tasks: int | None,
  environment: Mapping[str, str],
) -> TaskShare:
  """Finds the share of this task.

  Args:
    task_index: from the flag; None to take it from the environment.
    num_tasks: from the flag; None to take it from the environment.
    environment: the environment variables. If they tell of no share, all of
      the work is this task's.

  Returns:
    The share.

  Raises:
    InputError: a variable is no whole number, there is no such task, or a pod
      knows its index and not the number of tasks.
  """
  if _INDEX_OF_POD in environment and task_index is None:
    task_index = documents.whole_number(
      environment[_INDEX_OF_POD], _INDEX_OF_POD
    )
    if num_tasks is None:
      raise errors.InputError(
        f'--num_tasks: {_INDEX_OF_POD} is {task_index}, and Kubernetes does '
        'not tell the number of tasks; give the number of completions of the '
        'Job'
      )
  of_slurm = _from_slurm(environment)
  index = of_slurm.task_index if task_index is None else task_index
  count = of_slurm.num_tasks if num_tasks is None else num_tasks
  if not 0 <= index < count:
    raise errors.InputError(
      f'--task_index: {index} of {count} tasks; it must be from 0 to '
      '--num_tasks - 1'
    )
  return TaskShare(index, count)


def _from_slurm(environment: Mapping[str, str]) -> TaskShare:
  """Reads the share from Slurm's variables.

  The indices of a job array may begin anywhere and may have a step.
  """
  first, number, step, count = (
    documents.whole_number(environment.get(name, default), name)
    for name, default in (
      ('SLURM_ARRAY_TASK_MIN', '0'),
      ('SLURM_ARRAY_TASK_ID', environment.get('SLURM_ARRAY_TASK_MIN', '0')),
      ('SLURM_ARRAY_TASK_STEP', '1'),
      ('SLURM_ARRAY_TASK_COUNT', '1'),
    )
  )
  if not step:
    raise errors.InputError('SLURM_ARRAY_TASK_STEP: 0 is no step')
  index, remainder = divmod(number - first, step)
  if index < 0 or remainder:
    raise errors.InputError(
      f'SLURM_ARRAY_TASK_ID: {number} is not in an array from {first} with a '
      f'step of {step}'
    )
  return TaskShare(index, count)

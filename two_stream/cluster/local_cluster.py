"""The tasks of a training job on this machine: addresses and environment."""

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator, Sequence

from two_stream.cluster import task_process, tf_config


@contextlib.contextmanager
def environments(
  num_workers: int,
  num_ps: int,
  has_evaluator: bool = False,
  gpus: Sequence[str] = (),
) -> Iterator[dict[task_process.TaskName, dict[str, str]]]:
  """Gives each task of a job on this machine its environment variables.

  Args:
    num_workers: the number of workers, the chief included.
    num_ps: the number of parameter servers (ps).
    has_evaluator: whether the job has an evaluator.
    gpus: numbers of GPUs. The workers and the evaluator take them in turns, one
      each. A ps sees no GPU, and without any numbers no task sees one.

  Yields:
    The environment variables of each task. The ports in them are kept for the
    job until the block ends.
  """
  with contextlib.ExitStack() as stack:
    hosts = [
      f'127.0.0.1:{stack.enter_context(_held_port())}'
      for _ in range(num_workers + num_ps)
    ]
    jobs = tf_config.cluster(hosts[:num_workers], hosts[num_workers:])
    tasks = [
      task_process.TaskName(job, index)
      for job, addresses in jobs.items()
      for index in range(len(addresses))
    ]
    if has_evaluator:
      tasks.append(task_process.TaskName('evaluator', 0))
    turns = itertools.cycle(gpus or [''])
    yield {
      task: {
        **os.environ,
        'TF_CONFIG': tf_config.to_json(jobs, task.job, task.index),
        'TF_GRPC_REUSE_PORT': 'true',
        'TF_FORCE_GPU_ALLOW_GROWTH': 'true',  # Tasks may share a GPU.
        'CUDA_VISIBLE_DEVICES': '' if task.job == 'ps' else next(turns),
      }
      for task in tasks
    }


@contextlib.contextmanager
def _held_port() -> Iterator[int]:
  """Yields a free port and keeps it for the tasks of this job.

  The port is bound, but nobody listens on it. So the system gives it to no
  other process, neither before the task has started nor between its death and
  its restart. Otherwise one of the many connections of a large job would take
  it. With TF_GRPC_REUSE_PORT, a task's server can listen on it nevertheless.
  """
  with socket.socket() as holder:
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(('', 0))
    yield holder.getsockname()[1]

"""The tasks of a training job on this machine: addresses and environment."""

import contextlib
import itertools
import os
import socket

from two_stream.cluster import tf_config
from two_stream.cluster.supervisor import Task


@contextlib.contextmanager
def environments(num_workers, num_ps, has_evaluator=False, gpus=()):
  """Gives each task of a job on this machine its environment variables.

  Args:
    num_workers: number of workers, the chief included.
    num_ps: number of parameter servers.
    has_evaluator: whether there is an evaluator.
    gpus: numbers of GPUs for the workers and the evaluator to take in turns. If
      there are none, or for a ps, TensorFlow sees no GPU.

  Yields:
    {Task: environment variables}, for as long as the ports are to be kept.
  """
  with contextlib.ExitStack() as stack:
    hosts = [
      f'127.0.0.1:{stack.enter_context(_held_port())}'
      for _ in range(num_workers + num_ps)
    ]
    cluster = tf_config.cluster(hosts[:num_workers], hosts[num_workers:])
    tasks = [
      Task(job, index)
      for job, addresses in cluster.items()
      for index in range(len(addresses))
    ]
    if has_evaluator:
      tasks.append(Task('evaluator', 0))
    turns = itertools.cycle(gpus or [''])
    yield {
      task: {
        **os.environ,
        'TF_CONFIG': tf_config.to_json(cluster, task.job, task.index),
        'TF_GRPC_REUSE_PORT': 'true',
        'TF_FORCE_GPU_ALLOW_GROWTH': 'true',  # Tasks may share a GPU.
        'CUDA_VISIBLE_DEVICES': '' if task.job == 'ps' else next(turns),
      }
      for task in tasks
    }


@contextlib.contextmanager
def _held_port():
  """Yields a free port and keeps it for the tasks of this job.

  Bound but not listening, it is given to nobody else, neither before its task
  has started nor between the task's death and restart; the many connections of
  a large job would take some otherwise. TF_GRPC_REUSE_PORT lets a task's server
  listen on it all the same.
  """
  with socket.socket() as holder:
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(('', 0))
    yield holder.getsockname()[1]

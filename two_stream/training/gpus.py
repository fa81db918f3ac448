"""The GPUs of a task: that they are there, and how their memory is taken.

TensorFlow computes on a processor when it finds no GPU, with nothing but a
warning. A training takes weeks then. So a task that was promised GPUs and sees
none of them ends before it begins.
"""

import logging
import os
from collections.abc import Mapping

import tensorflow as tf

from two_stream import errors

# Variables that say which GPUs a process may use: CUDA's own, and the one by
# which Docker and Kubernetes give GPUs to a container.
_VARIABLES = ('CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES')
# Values that promise no certain GPU. Images of CUDA's have `all` everywhere.
_NO_PROMISE = ('', '-1', 'NoDevFiles', 'all', 'none', 'void')
# With this variable, TensorFlow takes the memory of a GPU when it needs it, and
# not all of it at once: then the evaluator, for instance, can use it too. All
# of TensorFlow's sessions, servers and strategies obey the variable.
_GROWTH = 'TF_FORCE_GPU_ALLOW_GROWTH'


def prepare() -> None:
  """Prepares the GPUs of this process, before TensorFlow computes anything.

  Raises:
    InputError: the environment promises GPUs, and TensorFlow sees none.
  """
  os.environ.setdefault(_GROWTH, 'true')
  promised = promise(os.environ)
  if not promised:
    return
  variable, count = promised
  setting = f'{variable}={errors.printable(os.environ[variable])}'
  seen = len(tf.config.list_physical_devices('GPU'))
  if not seen:
    raise errors.InputError(
      f'{setting}, but TensorFlow sees no GPU; look whether nvidia-smi lists '
      "it, install the libraries (pip install -e '.[gpu]'), or set "
      'CUDA_VISIBLE_DEVICES=-1 to train on processors'
    )
  if seen < count:
    logging.warning(
      '%s has %d GPUs, but TensorFlow sees only %d', setting, count, seen
    )


def promise(environment: Mapping[str, str]) -> tuple[str, int] | None:
  """Returns which GPUs the environment promises to a process.

  Args:
    environment: the environment variables.

  Returns:
    The name of the variable that counts, and the number of GPUs in it; None if
    no certain GPU is promised.
  """
  for variable in _VARIABLES:
    value = environment.get(variable)
    if value is not None:
      return None if value in _NO_PROMISE else (variable, len(value.split(',')))
  return None

"""The published recipe, as data.

Sources: the README of DeepMind's kinetics-i3d repository ("README" below) and
Carreira & Zisserman, https://arxiv.org/abs/1705.07750 ("paper").
"""

import dataclasses
import re
from collections.abc import Iterable

from two_stream import documents, errors

# (first step, rate): the learning rate from that step on.
LearningRates = tuple[tuple[int, float], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
  """One of the two streams.

  Attributes:
    scope: the beginning of its variables' names in DeepMind's checkpoints.
    channels: how many values each pixel of its input has.
    max_steps: how many steps it is trained.
    learning_rates: the schedule of its learning rate.
  """

  scope: str
  channels: int
  max_steps: int
  learning_rates: LearningRates


STREAMS = {
  'rgb': Stream(
    scope='RGB',
    channels=3,
    max_steps=115_000,
    learning_rates=((0, 1e-1), (97_000, 1e-2), (108_000, 1e-3)),
  ),
  'flow': Stream(
    scope='Flow',
    channels=2,
    max_steps=155_000,
    learning_rates=(
      (0, 1e-1),
      (97_000, 1e-2),
      (104_500, 1e-3),
      (115_000, 1e-1),
      (140_000, 1e-2),
      (150_000, 1e-3),
    ),
  ),
}  # README

# A step averages the gradients of 64 replicas, the first of 68 to finish: "4
# backup replicas". A replica's minibatch is 6 clips.
REPLICAS_TO_AGGREGATE = 64  # README
BACKUP_REPLICAS = 4  # README
BATCH_SIZE = 6  # README

MOMENTUM = 0.9  # README; paper, section 3
# Nothing public says which variables decay. Here the convolutions' weights do:
# the loss has a term 1e-7 * sum(tf.nn.l2_loss(w)), where l2_loss(w) is
# sum(w ** 2) / 2.
WEIGHT_DECAY = 1e-7  # README
DROPOUT_KEEP_PROB = 0.5  # README

# 2.56 s at 25 frames a second. A shorter video is repeated from its start.
TRAIN_FRAMES = 64  # paper, sections 2.5 and 3
# Testing takes the whole video. The videos of Kinetics last 10 s.
MAX_TEST_FRAMES = 250  # paper, section 2.5

# These two are constants of modules that load TensorFlow. They are repeated
# here for scripts that have not loaded it yet; a test compares them.
MIN_FRAMES = 9  # i3d.MIN_FRAMES
BATCH_NORM_DECAY = 0.999  # networks/batch_norm.DECAY
# So are these, the layers of i3d.LAYERS that have weights, and the logits.
LOGITS = 'Logits'
UNITS = (
  *('Conv3d_1a_7x7', 'Conv3d_2b_1x1', 'Conv3d_2c_3x3', 'Mixed_3b', 'Mixed_3c'),
  *('Mixed_4b', 'Mixed_4c', 'Mixed_4d', 'Mixed_4e', 'Mixed_4f'),
  *('Mixed_5b', 'Mixed_5c', LOGITS),
)


_RATE = re.compile(r'[0-9.]+(e[+-]?[0-9]+)?', re.IGNORECASE)
_MAX_RATE = 3.4e38  # Of float32.


def parse_learning_rates(text: str) -> LearningRates:
  """Reads rows of a schedule from '0:0.1,97000:0.01'.

  Returns:
    The schedule.

  Raises:
    InputError: the text is no schedule, its first step is not 0, its steps do
      not rise, or a rate is negative or infinite.
  """
  try:
    rows = tuple(
      (documents.whole_number(step, 'step'), _parse_rate(rate))
      for step, rate in (row.split(':') for row in text.split(','))
    )
  except ValueError:
    rows = ()
  steps = [step for step, _ in rows]
  if steps[:1] != [0] or steps != sorted(set(steps)):
    raise errors.InputError(
      f'{documents.quote(text)} is no schedule of learning rates; it is '
      'written first_step:rate,first_step:rate from step 0 on, as '
      '0:0.1,97000:0.01'
    )
  return rows


def rate_of_step(step: int, rows: LearningRates) -> float:
  """Returns the learning rate of a step.

  Args:
    step: the number of steps that have been done before.
    rows: the schedule.
  """
  return [rate for first, rate in rows if first <= step][-1]


def format_learning_rates(rows: Iterable[tuple[int, float]]) -> str:
  """Returns the text of a schedule, which `parse_learning_rates` reads."""
  return ','.join(f'{step}:{rate}' for step, rate in rows)


def parse_units(text: str) -> tuple[str, ...]:
  """Reads the units to be trained from 'Mixed_5c,Logits'.

  Returns:
    The names in the order of the network, each once; () if the text is empty,
    which means all units.

  Raises:
    InputError: a name is not one of `UNITS`, or the logits are missing.
  """
  names = set(text.split(',')) if text else set()
  if unknown := sorted(names - set(UNITS)):
    raise errors.InputError(
      f'--train_only: {documents.quote(unknown[0])} is no unit of the network; '
      f'the units are {", ".join(UNITS)}'
    )
  if names and LOGITS not in names:
    raise errors.InputError(
      f'--train_only: {LOGITS} is missing, and has to be trained; '
      f'give --train_only={text},{LOGITS}'
    )
  return tuple(name for name in UNITS if name in names)


def _parse_rate(text: str) -> float:
  """Reads digits with a point or an exponent; `float` would accept more."""
  if not _RATE.fullmatch(text) or (rate := float(text)) > _MAX_RATE:
    raise ValueError(text)
  return rate

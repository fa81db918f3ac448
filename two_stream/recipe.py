"""The published recipe, as data.

Sources: the README of DeepMind's kinetics-i3d repository ("README" below) and
Carreira & Zisserman, https://arxiv.org/abs/1705.07750 ("paper").
"""

import collections

Stream = collections.namedtuple(
  'Stream', 'scope channels max_steps learning_rates'
)

# A learning-rate row is (first step, rate): the rate holds from that step on.
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

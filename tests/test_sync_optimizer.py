"""How many gradients a step has, and what a replica has read by then.

test_sync_cluster.py and test_sync_replicas.py compute whole steps.
"""

import pytest

from two_stream.training import sync_optimizer


@pytest.mark.parametrize(
  'replicas_to_aggregate, num_workers, tokens',
  [(64, 68, 68), (64, 64, 64), (64, 2, 64), (1, 1, 1)],
)
def test_every_gradient_of_a_step_has_a_token(
  replicas_to_aggregate, num_workers, tokens
):
  assert (
    sync_optimizer.tokens_per_step(replicas_to_aggregate, num_workers) == tokens
  )


def test_a_single_worker_has_read_all_gradients_of_the_steps():
  assert sync_optimizer.first_unread_batch(10, 64, 1) == 640


def test_workers_share_the_gradients():
  assert sync_optimizer.first_unread_batch(10, 64, 2) == 320
  # With backups, every worker begins a gradient in each step.
  assert sync_optimizer.first_unread_batch(10, 64, 68) == 10

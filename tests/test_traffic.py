"""What benchmarks/traffic.py computes of the traffic in a job."""

import re

import pytest

from benchmarks import traffic

# Bytes of variables, in the order they are made; as many on either of two ps.
SIZES = [600, 100, 200, 300]


def ring_all_reduce(vectors):
  """Sums vectors of as many pieces as there are replicas, link by link.

  Returns (what each replica has in the end, how many pieces each has sent).
  """
  count = len(vectors)
  parts = [list(vector) for vector in vectors]
  sent = [0] * count
  for step in range(2 * (count - 1)):
    is_sum = step >= count - 1
    messages = []
    for replica in range(count):
      # The second time around begins with the piece that is summed up.
      piece = (replica - step % (count - 1) + is_sum) % count
      messages.append((replica, piece, parts[replica][piece]))
    for replica, piece, value in messages:
      sent[replica] += 1
      target = parts[(replica + 1) % count]
      target[piece] = value if is_sum else target[piece] + value
  return parts, sent


def test_variables_go_to_the_ps_with_the_fewest_bytes():
  assert traffic.loads(SIZES, 1) == [1200]
  assert traffic.loads(SIZES, 2) == [600, 600]
  assert traffic.loads(SIZES, 3) == [600, 400, 200]


def test_every_replica_fetches_and_sends_each_variable_once():
  assert traffic.traffic(SIZES, 1, gradients=68) == 68 * 2 * 1200
  assert traffic.traffic(SIZES, 2, gradients=68) == 68 * 2 * 600


def test_as_few_ps_as_keep_to_the_time():
  for num_ps, seconds in ((1, 2.4), (2, 2.39), (2, 1.2)):
    assert traffic.ps_needed(SIZES, 10, 1e4, seconds) == num_ps


def test_the_largest_variable_limits_what_ps_can_do():
  """600 bytes to and from 10 replicas are 12,000 on whichever ps has them."""
  assert traffic.ps_needed(SIZES, 10, 1e4, 1.19) is None


@pytest.mark.parametrize('replicas', [1, 2, 8])
def test_each_replica_sends_what_a_ring_needs(replicas):
  vectors = [[10**i + j for j in range(replicas)] for i in range(replicas)]
  parts, sent = ring_all_reduce(vectors)
  assert parts == [[sum(column) for column in zip(*vectors)]] * replicas
  piece = sum(SIZES) / replicas
  assert sent == [2 * (replicas - 1)] * replicas
  assert traffic.all_reduced(SIZES, replicas) == sent[0] * piece


@pytest.fixture(name='rows')
def print_tables(capsys):
  """{(replicas, place): columns} of the second table; gradients of 1 s."""
  traffic.print_engines([10**9], seconds=1.0)
  rows = {}
  for line in capsys.readouterr().out.splitlines()[3:]:
    replicas, step, place, *columns = re.split(r'  +', line.strip())
    rows[int(replicas), place] = [step, *columns]
  return rows


def test_replicas_divide_the_gradients_of_a_step_among_them(rows):
  """8 replicas compute 8 gradients each, and all-reduce their sums once."""
  # 1.75 GB at 10 Gbit/s take 1.4 s, of 8.
  assert rows[8, 'each replica'] == ['8.00', '1.75', '18%', '7%', '2%', '0%']
  assert rows[8, 'one of 1 ps'][:3] == ['8.00', '128.00', '1280%']


def test_more_replicas_than_gradients_make_a_larger_step(rows):
  assert rows[256, 'each replica'][:2] == ['1.00', '1.99']
  assert rows[256, 'one of 1 ps'][:2] == ['1.00', '512.00']

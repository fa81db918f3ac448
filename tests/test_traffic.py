"""What benchmarks/traffic.py computes of the traffic through the ps."""

from benchmarks import traffic

# Bytes of variables, in the order they are made; as many on either of two ps.
SIZES = [600, 100, 200, 300]


def test_variables_go_to_the_ps_with_the_fewest_bytes():
  assert traffic.loads(SIZES, 1) == [1200]
  assert traffic.loads(SIZES, 2) == [600, 600]
  assert traffic.loads(SIZES, 3) == [600, 400, 200]


def test_every_replica_fetches_and_sends_each_variable_once():
  assert traffic.traffic(SIZES, 1, replicas=68) == 68 * 2 * 1200
  assert traffic.traffic(SIZES, 2, replicas=68) == 68 * 2 * 600


def test_as_few_ps_as_keep_to_the_time():
  for num_ps, seconds in ((1, 2.4), (2, 2.39), (2, 1.2)):
    assert traffic.ps_needed(SIZES, 10, 1e4, seconds) == num_ps


def test_the_largest_variable_limits_what_ps_can_do():
  """600 bytes to and from 10 replicas are 12,000 on whichever ps has them."""
  assert traffic.ps_needed(SIZES, 10, 1e4, 1.19) is None

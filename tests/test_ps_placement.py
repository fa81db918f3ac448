"""Which ps keeps which variable."""

import tensorflow as tf

from two_stream.cluster import cluster_task
from two_stream.training import ps_placement

v1 = tf.compat.v1

TASK = cluster_task.ClusterTask(
  ps_hosts=('a:1', 'b:1'), worker_hosts=('c:1', 'd:1'), task_index=1
)


def test_each_variable_goes_to_the_ps_with_the_fewest_bytes():
  placement = ps_placement.FewestBytes(3)
  assert [placement.choose(size) for size in (5, 3, 4, 2, 1)] == [0, 1, 2, 1, 2]
  assert placement.bytes_per_ps == [5, 5, 5]


def test_variables_are_on_the_ps_and_all_else_on_the_worker():
  with (
    tf.Graph().as_default(),
    v1.device(ps_placement.device_setter(TASK)),
  ):
    large = tf.Variable(tf.zeros([10], tf.float32))
    small = [tf.Variable(tf.zeros([3], tf.float32)) for _ in range(2)]
    total = large[0] + small[0][0]
  assert large.device == '/job:ps/task:0'
  assert [variable.device for variable in small] == ['/job:ps/task:1'] * 2
  assert total.device == '/job:worker/task:1'


def test_a_job_of_one_process_places_nothing():
  assert ps_placement.device_setter(cluster_task.ClusterTask()) is None

"""Two steps of four replicas on one processor, for test_all_reduce_replicas.py.

    python replicas_of_logical_devices.py RECORDS TRAIN_DIR NUM_DEVICES PER_STEP

trains with a checkpoint after every step. A process can divide its processor
into devices only before it computes anything, so this is a program of its own.
"""

import dataclasses
import sys

import small_training
import tensorflow as tf

from two_stream.cluster import cluster_task
from two_stream.training import all_reduce


def main(data: str, folder: str, num_devices: str, per_step: str) -> int:
  (processor,) = tf.config.list_physical_devices('CPU')
  tf.config.set_logical_device_configuration(
    processor, [tf.config.LogicalDeviceConfiguration()] * int(num_devices)
  )
  # Optimizing the graph of four networks takes a minute.
  tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': True})
  job = small_training.job(
    data, folder, dropout_keep_prob=1.0, replicas_to_aggregate=int(per_step)
  )
  job = dataclasses.replace(job, checkpoint_seconds=1e-3)
  return all_reduce.run(job, cluster_task.ClusterTask())


if __name__ == '__main__':
  sys.exit(main(*sys.argv[1:]))

"""Summaries for TensorBoard."""

from tensorflow.compat import v1


def write(writer, group, values, step):
  """Writes scalars of one step, which are on the disk at once.

  Args:
    writer: a tf.compat.v1.summary.FileWriter.
    group: what their tags have in common, 'training' or 'validation'.
    values: {name: float}.
    step: number of updates so far.
  """
  scalars = [
    v1.Summary.Value(tag=f'{group}/{name}', simple_value=value)
    for name, value in values.items()
  ]
  writer.add_summary(v1.Summary(value=scalars), step)
  writer.flush()

"""Curves for TensorBoard."""

from collections.abc import Mapping

from tensorflow.compat import v1


def write(
  writer: v1.summary.FileWriter,
  group: str,
  values: Mapping[str, float],
  step: int,
) -> None:
  """Writes a point of several curves, which is on the disk at once.

  Args:
    writer: the writer of a folder's summaries.
    group: the first part of the curves' names, 'training' or 'validation'.
    values: second part of a curve's name -> value.
    step: the number of steps that have been done.
  """
  scalars = [
    v1.Summary.Value(tag=f'{group}/{name}', simple_value=value)
    for name, value in values.items()
  ]
  writer.add_summary(v1.Summary(value=scalars), step)
  writer.flush()

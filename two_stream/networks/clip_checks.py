"""Whether an array or a tensor is a clip that a network can take.

TensorFlow's own errors name a kernel, and not the remedy. Type and shape are
checked when the network is called or its graph is made, so nothing is added to
the graph. A size that is not known at that time is not checked, except that of
the channels, which TensorFlow then checks.
"""

from typing import Any

import tensorflow as tf


class ClipCheck:
  """Checks the clips of one network.

  The variables of a network are made for the first clip. Channels and type
  that are not given here are those of this clip.
  """

  def __init__(
    self,
    min_frames: int,
    channels: int | None = None,
    dtype: str | None = None,
    size: int | None = None,
  ) -> None:
    """Says which clips the network takes.

    Args:
      min_frames: how many frames a clip needs.
      channels: number of channels, or None.
      dtype: the name of the type of the values, or None, which accepts a first
        clip of float32 or bfloat16.
      size: height and width of the frames, or None, which accepts any.
    """
    self._min_frames = min_frames
    self._channels = channels
    self._dtype = dtype
    self._size = size

  def __call__(self, inputs: Any) -> tf.Tensor:
    """Returns a clip as a tensor.

    Args:
      inputs: an array or a tensor.

    Raises:
      ValueError: the network cannot take it. The message says what to change.
    """
    clip = tf.convert_to_tensor(inputs)
    self._check_type(clip.dtype.name)
    rank = clip.shape.rank
    is_unknown = rank is None or (rank == 5 and clip.shape[-1] is None)
    if is_unknown and self._channels:
      clip = tf.ensure_shape(clip, [None, None, None, None, self._channels])
    self._check_shape(clip.shape)
    self._dtype, self._channels = clip.dtype.name, clip.shape[-1]
    return clip

  def _check_type(self, found: str) -> None:
    accepted = (self._dtype,) if self._dtype else ('float32', 'bfloat16')
    if found in accepted:
      return
    if tf.as_dtype(found).is_integer:
      remedy = 'convert RGB to float32, divide by 127.5 and subtract 1'
    else:
      remedy = f'convert it, for instance with tf.cast(clip, "{accepted[0]}")'
    raise ValueError(
      f'a clip of {found}; clips are {accepted[0]}, with values from -1 to 1: '
      f'{remedy}'
    )

  def _check_shape(self, shape: tf.TensorShape) -> None:
    if shape.rank not in (5, None):
      hint = '; clip[None] is a batch of one clip' if shape.rank == 4 else ''
      raise ValueError(
        f'a clip of shape {shape.as_list()}; clips are [batch, frames, height, '
        f'width, channels]{hint}'
      )
    if shape.rank is None or shape[-1] is None:
      raise ValueError(
        'a clip of an unknown number of channels; give the number with '
        'clip.set_shape or in the input signature'
      )
    _, frames, height, width, channels = shape
    if self._channels not in (channels, None):
      raise ValueError(
        f'a clip with {channels} channels; this network takes '
        f'{self._channels}. RGB has 3 and flow 2; the channels are the last '
        'axis'
      )
    if frames is not None and frames < self._min_frames:
      raise ValueError(
        f'a clip of {frames} frames; this network needs at least '
        f'{self._min_frames} frames'
      )
    if self._size and not {height, width} <= {self._size, None}:
      raise ValueError(
        f'a clip of {height}x{width} pixels; this network takes '
        f'{self._size}x{self._size}'
      )

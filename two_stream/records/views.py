"""A view of a clip: a window of its time, a crop of its frames, and a flip.

Training shows the network a random view of a clip, testing the centre of all
its frames. Both kinds are made here, and `decode` turns either into pixels.
Only the images that a view shows are decoded, and each of them once: a clip at
25 frames a second of a video with 12 frames a second repeats half its frames.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

import i3d
from two_stream import recipe
from two_stream.records import schema, view_plan
from two_stream.video import codecs, pixels

_SIZE = pixels.CROP_SIZE

# Key -> tensor, as `tfrecords.parse` returns a record.
Parsed = dict[str, tf.Tensor]


class View(NamedTuple):
  """Which part of a clip is shown.

  Attributes:
    steps: int32 [T], the time steps that are shown, in this order.
    top: int32 [], the first row of the crop of 224 x 224 pixels.
    left: int32 [], the first column of the crop.
    is_flipped: whether left and right are swapped: a bool, or bool [].
  """

  steps: tf.Tensor
  top: tf.Tensor
  left: tf.Tensor
  is_flipped: tf.Tensor | bool = False


def center(parsed: Parsed) -> View:
  """Makes the view for testing: the centre crop of all frames.

  A clip that is shorter than the network's least input is repeated from its
  start, and of a longer one the first `recipe.MAX_TEST_FRAMES` are shown.

  Args:
    parsed: a record, from `tfrecords.parse`.
  """
  length = num_steps(parsed)
  num_frames = tf.clip_by_value(length, i3d.MIN_FRAMES, recipe.MAX_TEST_FRAMES)
  top, left = pixels.center_corner(*_frame_size(parsed))
  return View(tf.range(num_frames) % length, top, left)


def planned(
  parsed: Parsed, plan: view_plan.ViewPlan, number: tf.Tensor
) -> View:
  """Makes one of the views of a plan for testing.

  Args:
    parsed: a record, from `tfrecords.parse`.
    plan: which views there are.
    number: int64 [], the number of the view, less than `plan.num_views`.
  """
  if plan == view_plan.WHOLE_CLIP:
    return center(parsed)
  window, crop = (
    tf.cast(part, tf.int32)
    for part in (number // plan.num_crops, number % plan.num_crops)
  )
  top, left = tf.unstack(tf.gather(_corners(parsed, plan.num_crops), crop))
  view = center(parsed)._replace(
    top=top, left=left, is_flipped=tf.gather(plan.flips, crop)
  )
  if plan.clip_frames is None:
    return view
  length = num_steps(parsed)
  last = tf.maximum(length - plan.clip_frames, 0)
  if plan.num_clips == 1:
    start = last // 2
  else:
    gaps = plan.num_clips - 1
    start = (window * last + gaps // 2) // gaps  # Rounded to the nearest step.
  return view._replace(steps=(start + tf.range(plan.clip_frames)) % length)


def _corners(parsed: Parsed, num_crops: int) -> tf.Tensor:
  """Returns (top, left) of each crop of a plan, int32 [num_crops, 2]."""
  height, width = _frame_size(parsed)
  top, left = pixels.center_corner(height, width)
  bottom, right = height - _SIZE, width - _SIZE
  if num_crops == 1:
    return tf.stack([(top, left)])
  if num_crops == 3:  # noqa: PLR2004 (see view_plan.py)
    is_tall = height > width
    return tf.where(
      is_tall,
      tf.stack([(0, left), (top, left), (bottom, left)]),
      tf.stack([(top, 0), (top, left), (top, right)]),
    )
  five = [(0, 0), (0, right), (bottom, 0), (bottom, right), (top, left)]
  return tf.stack(2 * five)


def random(
  parsed: Parsed, num_frames: int, seed: int, number: tf.Tensor
) -> View:
  """Makes a view for training: a random window, crop and flip.

  The window is drawn from those that lie inside the clip. A clip that is
  shorter than the window is repeated from its start.

  Args:
    parsed: a record, from `tfrecords.parse`.
    num_frames: the length of the window.
    seed: the seed of the training run.
    number: int64 [], the number of the clip in the training run. The view is a
      function of this number, the seed and the sizes of the record.
  """
  draws = tf.random.stateless_uniform([4], [seed, number])

  def draw(which: int, count: tf.Tensor) -> tf.Tensor:
    """Returns an integer, int32 [], at least 0 and less than `count`."""
    return tf.cast(draws[which] * tf.cast(count, tf.float32), tf.int32)

  length = num_steps(parsed)
  start = draw(0, tf.maximum(length - num_frames, 0) + 1)
  height, width = _frame_size(parsed)
  return View(
    steps=(start + tf.range(num_frames)) % length,
    top=draw(1, height - _SIZE + 1),
    left=draw(2, width - _SIZE + 1),
    is_flipped=draws[3] < 0.5,  # noqa: PLR2004
  )


def decode(parsed: Parsed, stream: str, view: View) -> tf.Tensor:
  """Decodes what a view shows of a record.

  Args:
    parsed: the record, from `tfrecords.parse`.
    stream: a key of `recipe.STREAMS`.
    view: what to show.

  Returns:
    uint8 [T, 224, 224, channels], as the records store it; see
    `pixels.unit_range`.
  """
  frame_index = parsed[schema.FRAME_INDEX]
  shown = tf.gather(frame_index, view.steps)
  if stream == 'rgb':
    images = parsed[schema.RGB_ENCODED]
    decode_crop = functools.partial(_decode_rgb, view)
  else:
    # Image number i + 1 is the flow from frame i to the next one. Image number
    # 0 stands for no motion, which is shown where a frame is repeated.
    moved = tf.gather(frame_index, view.steps + 1) > shown
    shown = tf.where(moved, shown + 1, 0)
    images = tf.concat([[''], parsed[schema.FLOW_ENCODED]], 0)
    decode_crop = functools.partial(_decode_flow, view)
  distinct, positions = tf.unique(shown)
  decoded = tf.map_fn(
    decode_crop, tf.gather(images, distinct), fn_output_signature=tf.uint8
  )
  decoded.set_shape([None, _SIZE, _SIZE, recipe.STREAMS[stream].channels])
  clip = tf.gather(decoded, positions)
  clip.set_shape([view.steps.shape[0], *clip.shape[1:]])
  if view.is_flipped is False:
    return clip
  return tf.cond(view.is_flipped, lambda: _flip(clip, stream), lambda: clip)


def num_steps(parsed: Parsed) -> tf.Tensor:
  """Returns how many time steps a clip has, int32 []."""
  return tf.size(parsed[schema.FRAME_INDEX]) - 1


def _frame_size(parsed: Parsed) -> tuple[tf.Tensor, tf.Tensor]:
  """Reads (height, width) of a record's frames off the first one's header."""
  shape = tf.image.extract_jpeg_shape(parsed[schema.RGB_ENCODED][0])
  return shape[0], shape[1]


def _decode_rgb(view: View, encoded: tf.Tensor) -> tf.Tensor:
  """Decodes the crop of a frame, uint8 [224, 224, 3]."""
  return tf.image.decode_and_crop_jpeg(
    encoded,
    [view.top, view.left, _SIZE, _SIZE],
    channels=3,
    dct_method='INTEGER_ACCURATE',  # As OpenCV decodes.
  )


def _decode_flow(view: View, encoded: tf.Tensor) -> tf.Tensor:
  """Decodes the crop of a flow field, uint8 [224, 224, 2].

  Args:
    view: where the crop is.
    encoded: string [], a PNG image, or '' for no motion.
  """

  def decode_png() -> tf.Tensor:
    # MediaPipe's own flow is JPEG, whose codes mean other displacements. The
    # decoder would accept it.
    signature = tf.strings.substr(encoded, 0, len(codecs.PNG_SIGNATURE))
    # In TensorFlow 1 code, == would compare the objects.
    is_png = tf.equal(signature, codecs.PNG_SIGNATURE)
    png = tf.where(is_png, encoded, 'no PNG image')
    flow = tf.image.decode_png(png, channels=3)[..., :2]
    # Python's slices would silently give less of an image that is too small.
    return tf.slice(flow, [view.top, view.left, 0], [_SIZE, _SIZE, 2])

  def zero() -> tf.Tensor:
    return tf.fill([_SIZE, _SIZE, 2], tf.constant(pixels.FLOW_ZERO, tf.uint8))

  return tf.cond(tf.strings.length(encoded) > 0, decode_png, zero)


def _flip(clip: tf.Tensor, stream: str) -> tf.Tensor:
  """Swaps left and right; motion to the right becomes motion to the left."""
  clip = tf.reverse(clip, [2])
  if stream == 'rgb':
    return clip
  x, y = tf.split(clip, 2, axis=-1)
  # In uint8 arithmetic, 0 - x is 256 - x: it maps the codes 1 to 255 to the
  # opposite displacements, and 128, which is zero, to itself.
  return tf.concat([tf.constant(0, tf.uint8) - x, y], -1)

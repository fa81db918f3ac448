"""From a decoded frame to upright, progressive RGB pixels.

A decoded frame stores brightness and colour apart, perhaps at another bit
depth, perhaps as two half pictures of different moments, perhaps lying on its
side. FFmpeg's filters turn it into RGB by the matrix and the range of values
that the file names. These choices are ours, because nothing public says what
DeepMind's pipeline did:

- Interlaced frames are deinterlaced by FFmpeg's bwdif, one frame for each.
- Video of high dynamic range (PQ or HLG) is not tone-mapped: its code values
  are taken as they are, which is what FFmpeg does without further options.
- Pixels that are not square stay as they are. MediaPipe's decoder and its
  scaler do not look at their aspect ratio, either.
- A picture that is to be turned by another angle than a right one is not
  turned.
"""

import struct
from collections.abc import Iterator
from typing import Any

import av
import av.filter
import numpy as np

DEINTERLACED = 'interlaced frames: deinterlaced'
HIGH_DYNAMIC_RANGE = 'high dynamic range: not tone-mapped, so it may look flat'
NOT_TURNED = 'the picture is to be turned by no right angle: not turned'

# H.273, table 3: the transfer characteristics PQ and HLG.
_HIGH_DYNAMIC_RANGE = (16, 18)
# The filters of each graph. Bicubic interpolation of the colours is what
# FFmpeg's programs and OpenCV use.
_DEINTERLACE = ('bwdif', 'mode=send_frame:deint=interlaced')
_TO_RGB = (('scale', 'flags=bicubic'), ('format', 'rgb24'))


class Converter:
  """Converts the frames of one video, in the order in which they are shown.

  Attributes:
    notes: what was done beyond a plain conversion; some of the constants above.
  """

  def __init__(self) -> None:
    self.notes: list[str] = []
    self._deinterlace = False
    self._graph: av.filter.Graph | None = None
    self._kind: tuple[object, ...] = ()
    self._orientation = _Orientation()
    self._is_first = True
    self._before: av.VideoFrame | None = None
    self._num_to_drop = 0

  def convert(self, frame: av.VideoFrame) -> Iterator[np.ndarray]:
    """Takes the next frame.

    Args:
      frame: a decoded frame. Its time is overwritten.

    Yields:
      uint8 [H, W, 3], RGB: usually this frame. Deinterlacing looks one frame
      ahead, so then the frame before comes now and the last one at the end.
      The array is valid until the next is taken.

    Raises:
      av.FFmpegError: FFmpeg cannot convert frames of this kind.
    """
    if self._is_first:
      self._look_at_first(frame)
    if frame.interlaced_frame and not self._deinterlace:
      self._deinterlace = True
      self.notes.append(DEINTERLACED)
    kind = (
      frame.width,
      frame.height,
      frame.format.name,
      frame.colorspace,
      frame.color_range,
      self._deinterlace,
    )
    if kind != self._kind:
      yield from self.finish()
      self._graph = _make_graph(frame, self._deinterlace)
      if self._before is not None and kind[:-1] == self._kind[:-1]:
        # It was converted already. Deinterlacing looks at it once more.
        self._graph.push(self._before)
        self._num_to_drop = 1
      self._kind = kind
    assert self._graph is not None
    self._graph.push(frame)
    self._before = frame
    yield from self._finished()

  def finish(self) -> Iterator[np.ndarray]:
    """Yields the frames that deinterlacing still holds."""
    if self._graph is not None:
      self._graph.push(None)
      yield from self._finished()
      self._graph = None

  def _look_at_first(self, frame: av.VideoFrame) -> None:
    self._is_first = False
    if frame.color_trc in _HIGH_DYNAMIC_RANGE:
      self.notes.append(HIGH_DYNAMIC_RANGE)
    # PyAV's types name one kind of side data only, which is another.
    matrix: Any = frame.side_data.get('DISPLAYMATRIX')
    if matrix is not None:
      self._orientation = _Orientation(bytes(matrix))
      if self._orientation.is_oblique:
        self.notes.append(NOT_TURNED)

  def _finished(self) -> Iterator[np.ndarray]:
    """Yields the frames that the graph has finished."""
    assert self._graph is not None
    while True:
      try:
        frame = self._graph.pull()
      except (BlockingIOError, EOFError):
        return
      assert isinstance(frame, av.VideoFrame)
      if self._num_to_drop:
        self._num_to_drop -= 1
        continue
      yield self._orientation.apply(_pixels(frame))


class _Orientation:
  """How the picture is to be turned and mirrored for display.

  The file says it by a matrix (ISO/IEC 14496-12, section 8.3.2): the pixel at
  (x, y) is shown at (a x + c y, b x + d y), moved so that nothing is cut off.

  Args:
    matrix: nine int32, row by row, a b u c d v x y w; None for an upright
      picture.

  Attributes:
    is_oblique: whether the angle is none of 0, 90, 180 and 270 degrees.
  """

  def __init__(self, matrix: bytes | None = None):
    a, b, c, d = 1, 0, 0, 1
    if matrix is not None:
      a, b, _, c, d, *_ = struct.unpack('=9i', matrix)
    upright, sideways = not (b or c) and a and d, not (a or d) and b and c
    self.is_oblique = not (upright or sideways)
    self._transpose = bool(sideways)
    self._mirror_x = (c if sideways else a) < 0 and not self.is_oblique
    self._mirror_y = (b if sideways else d) < 0 and not self.is_oblique

  def apply(self, image: np.ndarray) -> np.ndarray:
    """Turns an image [H, W, 3]; returns a view of it."""
    if self._transpose:
      image = image.swapaxes(0, 1)
    if self._mirror_x:
      image = image[:, ::-1]
    if self._mirror_y:
      image = image[::-1]
    return image


def _make_graph(frame: av.VideoFrame, deinterlace: bool) -> av.filter.Graph:
  """Makes the filters for frames such as this one."""
  graph = av.filter.Graph()
  graph.threads = 1
  node = graph.add_buffer(
    width=frame.width,
    height=frame.height,
    format=frame.format,
    time_base=frame.time_base,
  )
  filters = (*((_DEINTERLACE,) if deinterlace else ()), *_TO_RGB)
  for name, arguments in (*filters, ('buffersink', None)):
    following = graph.add(name, arguments)
    node.link_to(following)
    node = following
  graph.configure()
  return graph


def _pixels(frame: av.VideoFrame) -> np.ndarray:
  """Gives the pixels of an RGB frame, uint8 [H, W, 3], without copying them."""
  (plane,) = frame.planes
  rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
  pixels = rows[: frame.height, : 3 * frame.width]
  return pixels.reshape(frame.height, frame.width, 3)

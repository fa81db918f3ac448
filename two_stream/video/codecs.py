"""A frame as JPEG and a flow field as PNG, as records store them.

A flow field becomes an image of three channels: red is the x displacement and
green the y displacement, as the codes of pixels.py; blue is 0. That is how
MediaPipe's FlowToImageCalculator arranges them, so DMVR and MediaPipe read the
flow. PNG keeps the codes exactly. JPEG, which MediaPipe writes, changes
displacements by up to 12 pixels at the edges of moving things.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from two_stream import errors
from two_stream.video import pixels

JPEG_QUALITY = 95
PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Of all options, these make the smallest images of flow at a bearable cost: 22
# kB and 2.6 ms for one of real video of 340 x 256 pixels. OpenCV's own choice
# takes 27 kB and 1.3 ms.
_SMALL_PNG = (
  cv2.IMWRITE_PNG_FILTER,
  cv2.IMWRITE_PNG_ALL_FILTERS,
  cv2.IMWRITE_PNG_STRATEGY,
  cv2.IMWRITE_PNG_STRATEGY_RLE,
)


def encode_rgb(frame: np.ndarray) -> bytes:
  """Compresses uint8 [H, W, 3] RGB to JPEG."""
  return _imencode(
    '.jpg', frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
  )


def encode_flow(flow: np.ndarray) -> bytes:
  """Compresses float32 [H, W, 2], (x, y) in pixels, to PNG.

  Displacements beyond 20 pixels are clipped. The others are rounded by at most
  half a step, 0.079 pixels.
  """
  x, y = np.moveaxis(pixels.flow_codes(flow), -1, 0)
  blue_green_red = np.stack([np.zeros_like(x), y, x], axis=-1)
  return _imencode('.png', blue_green_red, _SMALL_PNG)


def decode_rgb(encoded: bytes) -> np.ndarray:
  """Decompresses JPEG to uint8 [H, W, 3] RGB.

  Raises:
    InputError: the image is damaged.
  """
  return _imdecode(encoded, cv2.IMREAD_COLOR_RGB)


def decode_flow(encoded: bytes) -> np.ndarray:
  """Decompresses PNG to float32 [H, W, 2], (x, y) in [-1, 1].

  Raises:
    InputError: the image is damaged, or no PNG image.
  """
  if not encoded.startswith(PNG_SIGNATURE):
    raise errors.InputError('a record holds flow that is no PNG image')
  codes = _imdecode(encoded, cv2.IMREAD_COLOR_RGB)[..., :2]
  return pixels.unit_range(codes.astype(np.float32), 'flow')


def _imencode(
  extension: str, image: np.ndarray, options: Sequence[int] = ()
) -> bytes:
  succeeded, encoded = cv2.imencode(extension, image, list(options))
  if not succeeded:
    raise RuntimeError(f'OpenCV cannot encode {extension} {image.shape}')
  return encoded.tobytes()


def _imdecode(encoded: bytes, mode: int) -> np.ndarray:
  """Decodes an image, or raises InputError, whatever the bytes are."""
  try:
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
  except cv2.error:  # For no bytes, and for sizes beyond OpenCV's limits.
    image = None
  if image is None:
    raise errors.InputError('a record holds an image that does not decode')
  return image

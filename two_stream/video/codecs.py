"""A frame as JPEG and a flow field as PNG.

Why PNG: JPEG, in which MediaPipe stores flow, errs by up to 12 pixels at edges
of motion. A flow field is one gray image, the x displacements above the y
displacements, with code 128 for zero exactly, 1 for -20 pixels and 255 for +20.
"""

import cv2
import numpy as np

from two_stream import errors
from two_stream.video import reader

JPEG_QUALITY = 95
FLOW_ZERO = 128
FLOW_STEPS = 127  # Codes from zero to the bound.


def encode_rgb(frame):
  """Compresses uint8 [H, W, 3] RGB to JPEG bytes."""
  return _imencode(
    '.jpg', frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
  )


def encode_flow(flow):
  """Compresses float32 [H, W, 2], pixels, to PNG bytes.

  Displacements beyond 20 pixels are clipped; the others err by at most half a
  step, 0.079 pixels.
  """
  codes = np.rint(reader.scale_flow(flow) * FLOW_STEPS) + FLOW_ZERO
  x, y = np.moveaxis(codes.astype(np.uint8), -1, 0)
  return _imencode('.png', np.concatenate([x, y]))


def decode_rgb(encoded):
  """Decompresses JPEG bytes to uint8 [H, W, 3] RGB."""
  return _imdecode(encoded, cv2.IMREAD_COLOR_RGB)


def decode_flow(encoded):
  """Decompresses PNG bytes to float32 [H, W, 2] in [-1, 1], (x, y)."""
  codes = _imdecode(encoded, cv2.IMREAD_GRAYSCALE)
  if len(codes) % 2:
    raise errors.InputError('a record holds a flow image of odd height')
  steps = codes.astype(np.float32) - np.float32(FLOW_ZERO)
  return np.stack(np.split(steps / np.float32(FLOW_STEPS), 2), axis=-1)


def _imencode(extension, image, options=()):
  succeeded, encoded = cv2.imencode(extension, image, list(options))
  if not succeeded:
    raise RuntimeError(f'OpenCV cannot encode {extension} {image.shape}')
  return encoded.tobytes()


def _imdecode(encoded, mode):
  image = cv2.imdecode(np.frombuffer(encoded, np.uint8), mode)
  if image is None:
    raise errors.InputError('a record holds an image that does not decode')
  return image

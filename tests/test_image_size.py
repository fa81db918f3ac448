"""The size of an image is read without decoding it."""

import contextlib

import cv2
import damage
import hypothesis
import numpy as np
import pytest
import small_videos

from two_stream.video import image_size

FORMATS = {
  'JPEG': ('.jpg', []),
  'progressive JPEG': ('.jpg', [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
  'PNG': ('.png', []),
  'BMP': ('.bmp', []),
  'WebP': ('.webp', [cv2.IMWRITE_WEBP_QUALITY, 80]),
  'lossless WebP': ('.webp', [cv2.IMWRITE_WEBP_QUALITY, 101]),
}


def encode(name, size=(64, 48), channels=3):
  suffix, options = FORMATS[name]
  (image,) = small_videos.textured_frames(1, size)
  if channels == 4:
    image = np.dstack([image, image[..., :1]])
  succeeded, content = cv2.imencode(suffix, image, options)
  assert succeeded
  return content.tobytes()


@pytest.mark.parametrize('name', FORMATS)
def test_every_format_tells_its_size(name):
  for size in ((64, 48), (31, 500), (1, 1)):
    assert image_size.find(encode(name, size)) == size


@pytest.mark.parametrize('name', ['PNG', 'WebP', 'lossless WebP', 'BMP'])
def test_images_with_transparency_tell_their_size(name):
  assert image_size.find(encode(name, channels=4)) == (64, 48)


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('share', [0.01, 0.5, 0.98])
def test_an_image_that_breaks_off_has_none(name, share):
  content = encode(name)
  assert image_size.find(content[: int(share * len(content))]) is None


def test_what_is_no_image_has_none():
  for content in (b'', b'BM', b'\xff\xd8\xff', b'<html>' * 99, b'GIF89a' * 9):
    assert image_size.find(content) is None


def test_a_thumbnail_is_not_taken_for_the_end():
  """EXIF data may hold a whole JPEG."""
  content = encode('JPEG')
  thumbnail = encode('JPEG', (16, 16))
  segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
  content = content[:2] + segment + content[2:]
  assert image_size.find(content) == (64, 48)
  assert image_size.find(content[:-20]) is None


@pytest.mark.parametrize('name', FORMATS)
def test_the_size_is_that_of_the_decoded_image_or_there_is_none(name):
  """Whatever is wrong with the file: otherwise the limit would be void."""

  @hypothesis.settings(max_examples=100, deadline=None, derandomize=True)
  @hypothesis.given(damage.damaged(encode(name), head=40))
  def check(content):
    size = image_size.find(content)
    if size is None or size[0] * size[1] > 1_000_000:
      return
    image = None
    with contextlib.suppress(cv2.error):
      image = cv2.imdecode(
        np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB
      )
    assert image is None or image.shape[:2] in (size, size[::-1])

  check()

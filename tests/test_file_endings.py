"""Files that were cut lack the mark of their end."""

import made_videos
import pytest

from two_stream.video import file_endings

FORMATS = {
  'gif': ('gif', {'pixels': 'rgb8'}),
  'apng': ('apng', {'pixels': 'rgb24'}),
}


def is_missing(path, name):
  with path.open('rb') as stream:
    return file_endings.is_missing(stream, name)


@pytest.mark.parametrize('name', FORMATS)
def test_a_cut_animation_lacks_its_end(tmp_path, name):
  codec, options = FORMATS[name]
  path = made_videos.write(tmp_path / f'a.{name}', codec=codec, **options)
  assert not is_missing(path, name)
  whole = path.read_bytes()
  for size in (len(whole) - 1, len(whole) // 2):
    path.write_bytes(whole[:size])
    assert is_missing(path, name)


def test_a_gif_may_have_padding(tmp_path):
  path = tmp_path / 'a.gif'
  path.write_bytes(b'GIF89a...;\0\r\n')
  assert not is_missing(path, 'gif')


def ogg_page(body, is_last):
  """A page as in RFC 3533, section 6, without its checksum."""
  segments = [255] * (len(body) // 255) + [len(body) % 255]
  header = b'OggS\0' + bytes([4 if is_last else 0]) + bytes(20)
  return header + bytes([len(segments), *segments]) + body


@pytest.mark.parametrize(
  ('pages', 'lost', 'expected'),
  [
    ([(b'a' * 300, False), (b'b' * 700, True)], 0, False),
    ([(b'a' * 300, False), (b'b' * 700, True)], 1, True),
    ([(b'a' * 300, False), (b'b' * 700, True)], 720, True),
    ([(b'a' * 300, False)], 0, True),
    ([], 0, True),
  ],
)
def test_the_last_page_of_an_ogg_file_is_marked(
  tmp_path, pages, lost, expected
):
  content = b''.join(ogg_page(*page) for page in pages)
  path = tmp_path / 'a.ogv'
  path.write_bytes(content[: len(content) - lost])
  assert is_missing(path, 'ogg') == expected


def test_other_formats_have_no_such_mark(tmp_path):
  path = tmp_path / 'a.mp4'
  path.write_bytes(b'')
  assert not is_missing(path, 'mov,mp4,m4a,3gp,3g2,mj2')

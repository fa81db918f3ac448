"""What a sample must be, and what is said of one that is not."""

import errno
import io
import logging
import os
import pathlib
import pickle
import struct

import damage
import hypothesis
import numpy as np
import programs
import pytest
import reference
import small_videos

from two_stream import errors
from two_stream.evaluation import sample_clips
from two_stream.video import pixels


@pytest.fixture
def prefix(tmp_path):
  for stream in ('rgb', 'flow'):
    np.save(tmp_path / f'clip_{stream}.npy', reference.clip(f'{stream}16'))
  return tmp_path / 'clip'


def replace_rgb(prefix, array, **options):
  np.save(prefix.with_name('clip_rgb.npy'), array, **options)


def test_a_pair_of_arrays_gives_both_streams(prefix):
  clips = sample_clips.load(prefix, ['rgb', 'flow'])
  for stream, clip in clips.items():
    np.testing.assert_array_equal(clip, reference.clip(f'{stream}16'))


def test_only_the_streams_asked_for_are_read(prefix):
  prefix.with_name('clip_flow.npy').unlink()
  assert list(sample_clips.load(prefix, ['rgb'])) == ['rgb']


@pytest.mark.parametrize('rate, frames', [(None, 23), (12, 23), (24, 46)])
def test_a_video_is_prepared_at_the_rate_asked_for(tmp_path, rate, frames):
  """24 frames at 12 a second, the last without flow."""
  path = small_videos.write_video(
    tmp_path / 'v.webm', small_videos.textured_frames(24)
  )
  for clip in sample_clips.load(path, ['rgb', 'flow'], rate).values():
    assert clip.shape[1] == frames


@pytest.mark.parametrize(
  'change',
  [
    pytest.param(np.asfortranarray, id='columns first'),
    pytest.param(lambda clip: clip.astype('>f4'), id='big-endian'),
    pytest.param(lambda clip: clip.astype('f8'), id='double'),
    pytest.param(lambda clip: clip.astype('>f8'), id='big-endian double'),
    pytest.param(lambda clip: clip.astype('g'), id='long double'),
  ],
)
def test_every_way_to_store_floats_is_read(prefix, change):
  replace_rgb(prefix, change(reference.clip('rgb16')))
  clip = sample_clips.load(prefix, ['rgb'])['rgb']
  assert clip.dtype == np.float32
  np.testing.assert_array_equal(clip, reference.clip('rgb16'))


def test_half_precision_is_read(prefix):
  replace_rgb(prefix, reference.clip('rgb16').astype(np.float16))
  clip = sample_clips.load(prefix, ['rgb'])['rgb']
  assert clip.dtype == np.float32
  np.testing.assert_allclose(clip, reference.clip('rgb16'), atol=1e-3)


def test_a_missing_file_is_named_with_what_a_sample_is(prefix):
  with pytest.raises(errors.InputError, match='gone_rgb.npy not found; --samp'):
    sample_clips.load(prefix.with_name('gone'), ['rgb'])


def with_nan(clip):
  clip[0, 5, 100, 100, 0] = np.nan
  return clip


@pytest.mark.parametrize(
  'change, message',
  [
    pytest.param(lambda c: c[0], r'shape \[16, 224, 224, 3\]', id='rank'),
    pytest.param(lambda c: c[..., :2], '2 channels; .* takes 3', id='channels'),
    pytest.param(lambda c: c[:, :, :200], r'16, 200, 224', id='size'),
    pytest.param(lambda c: c[:, :8], '8 frames; .* at least 9', id='frames'),
    pytest.param(lambda c: c.astype(float) * 1e99, 'not finite', id='huge'),
    pytest.param(lambda c: c.astype(np.int8), 'holds int8', id='dtype'),
    pytest.param(with_nan, 'not finite', id='nan'),
    pytest.param(lambda c: c / 0 + 1, 'not finite', id='infinite'),
  ],
)
@pytest.mark.filterwarnings('ignore:divide by zero')
@pytest.mark.filterwarnings('ignore:invalid value')
def test_a_wrong_array_is_refused(prefix, change, message):
  replace_rgb(prefix, change(reference.clip('rgb16')))
  with pytest.raises(errors.InputError, match=message) as error:
    sample_clips.load(prefix, ['rgb'])
  assert 'clip_rgb.npy' in str(error.value)
  assert '\n' not in str(error.value)


def test_values_outside_the_range_are_warned_of(prefix, caplog):
  replace_rgb(prefix, 255 * reference.clip('rgb16'))
  with caplog.at_level(logging.WARNING):
    sample_clips.load(prefix, ['rgb'])
  assert 'clip_rgb.npy: values from -25' in caplog.text


class Bomb:
  """Unpickling it is seen."""

  def __reduce__(self):
    return (pytest.fail, ('a sample was unpickled',))


@pytest.mark.parametrize('shape', [(1,), (1, 9, 224, 224, 3)])
def test_a_pickled_array_is_refused_unopened(prefix, shape):
  replace_rgb(prefix, np.full(shape, Bomb()), allow_pickle=True)
  with pytest.raises(errors.InputError, match='npy (has shape|holds object)'):
    sample_clips.load(prefix, ['rgb'])


def npz():
  stream = io.BytesIO()
  np.savez(stream, clip=np.zeros(3))
  return stream.getvalue()


@pytest.mark.parametrize(
  'content',
  [
    pytest.param(b'', id='empty'),
    pytest.param(b'GIF89a' * 100, id='foreign'),
    pytest.param(pickle.dumps(Bomb()), id='pickle'),
    pytest.param(npz(), id='npz'),
  ],
)
def test_a_file_of_another_kind_is_refused(prefix, content):
  prefix.with_name('clip_rgb.npy').write_bytes(content)
  with pytest.raises(errors.InputError, match='clip_rgb.npy is no complete'):
    sample_clips.load(prefix, ['rgb'])


HEADER = (
  "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 9, 224, 224, 3)}"
)


def write_array(prefix, header, num_bytes=0, version=b'\1\0'):
  """Writes an array with a header as it is given; the values are a hole."""
  path = prefix.with_name('clip_rgb.npy')
  header = header.encode('latin-1')
  length = struct.pack('<H' if version == b'\1\0' else '<I', len(header))
  path.write_bytes(b'\x93NUMPY' + version + length + header)
  os.truncate(path, path.stat().st_size + num_bytes)


@pytest.mark.parametrize(
  ('part', 'other'),
  [
    pytest.param('False', 'Fa)lse', id='TokenError'),
    pytest.param('False', '(' * 3000, id='TokenError of many'),
    pytest.param('<f4', '<04', id='SyntaxError'),
    pytest.param('224,', '--' * 2000 + '224,', id='RecursionError'),
    pytest.param('9', '9' * 5000, id='too many digits'),
    pytest.param("'<f4'", "['<f4']", id='TypeError'),
    pytest.param('False', '0', id='no Boolean'),
    pytest.param('9', '9.0', id='no integer'),
    pytest.param('9', '9' * 30, id='OverflowError'),
    pytest.param('9', '0x' + 'f' * 8000, id='too many digits to print'),
    pytest.param('9', '9, ' * 3000, id='many dimensions'),
    pytest.param('{', '(', id='no dictionary'),
    pytest.param("'<f4'", "'<f4', 'x': 1", id='another key'),
    pytest.param('<f4', '<f\\x34\0', id='NUL'),
    pytest.param('}', '} # ' + ' ' * 20_000, id='a long one'),
  ],
)
def test_a_damaged_header_is_refused(prefix, recwarn, part, other):
  assert part in HEADER
  write_array(prefix, HEADER.replace(part, other))
  with pytest.raises(errors.InputError) as error:
    sample_clips.load(prefix, ['rgb'])
  assert 'clip_rgb.npy' in str(error.value)
  assert len(str(error.value)) < 300
  assert not recwarn.list


@pytest.mark.parametrize('frames', ['-1', '- 224', '8', '4000', '9' * 18])
def test_a_claimed_length_that_no_clip_has_is_refused(prefix, frames):
  write_array(prefix, HEADER.replace('9', frames))
  with pytest.raises(errors.InputError, match='frames; '):
    sample_clips.load(prefix, ['rgb'])


def test_the_longest_clip_must_be_there(prefix):
  """Nothing is believed before it is compared with the file's size."""
  header = HEADER.replace('9', str(pixels.MAX_FRAMES))
  write_array(prefix, header, num_bytes=1000)
  with pytest.raises(errors.InputError, match='breaks off after 1000 bytes'):
    sample_clips.load(prefix, ['rgb'])


PEAK = """
import resource, sys
from two_stream import errors
from two_stream.evaluation import sample_clips
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
  sample_clips.load(sys.argv[1], ['rgb'])
except errors.InputError as error:
  print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.process
def test_a_huge_file_of_nothing_takes_no_memory(prefix):
  frames = 20 * 2**30 // (224 * 224 * 3 * 4)
  write_array(prefix, HEADER.replace('9', str(frames)), num_bytes=20 * 2**30)
  result = programs.run_code(PEAK, prefix, timeout=60, check=True)
  message, kilobytes = result.stdout.splitlines()
  assert f'clip_rgb.npy has {frames} frames; a clip has at most' in message
  assert int(kilobytes) < 100_000


def test_a_second_version_of_the_format_is_read(prefix):
  values = 9 * 224 * 224 * 3 * 4
  write_array(prefix, HEADER, num_bytes=values, version=b'\2\0')
  assert sample_clips.load(prefix, ['rgb'])['rgb'].shape == (1, 9, 224, 224, 3)
  write_array(prefix, HEADER, num_bytes=values, version=b'\4\0')
  with pytest.raises(errors.InputError, match='clip_rgb.npy is no complete'):
    sample_clips.load(prefix, ['rgb'])


WORDS = b"( ) [ ] { } - L 0x 0. 1e9 ' \\ # \n True descr |O f2 ,".split(b' ')


@pytest.mark.parametrize(
  'max_examples', [500, pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_whatever_a_header_says_it_is_read_or_refused(tmp_path, max_examples):
  path = tmp_path / 'clip_rgb.npy'
  write_array(tmp_path / 'clip', HEADER.ljust(78))
  good = path.read_bytes()

  @hypothesis.settings(
    max_examples=max_examples, deadline=None, derandomize=max_examples < 1000
  )
  @hypothesis.given(damage.damaged(good, WORDS))
  def read(content):
    path.write_bytes(content)
    with pytest.raises(errors.InputError) as error:  # There are no values.
      sample_clips.load(tmp_path / 'clip', ['rgb'])
    assert str(path) in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 300

  read()


def test_what_is_no_regular_file_is_refused(prefix):
  path = prefix.with_name('clip_rgb.npy')
  link = lambda path: path.symlink_to(path)
  for make in (os.mkfifo, pathlib.Path.mkdir, link):
    path.rmdir() if path.is_dir() else path.unlink()
    make(path)
    with pytest.raises(errors.InputError, match='clip_rgb.npy: cannot be read'):
      sample_clips.load(prefix, ['rgb'])


def test_a_sample_that_is_no_regular_file_is_refused(tmp_path):
  os.mkfifo(tmp_path / 'fifo')
  (tmp_path / 'loop').symlink_to('loop')
  for name in ('fifo', 'loop'):
    with pytest.raises(errors.InputError, match=f'{name}: cannot be read'):
      sample_clips.load(tmp_path / name, ['rgb'])


def test_a_folder_beside_the_arrays_is_not_meant(prefix):
  prefix.mkdir()
  assert list(sample_clips.load(prefix, ['rgb'])) == ['rgb']


@pytest.mark.parametrize('size', [40, 100, 1000, -1])
def test_a_truncated_array_is_refused(prefix, size):
  path = prefix.with_name('clip_rgb.npy')
  path.write_bytes(path.read_bytes()[:size])
  with pytest.raises(errors.InputError, match='clip_rgb.npy is no complete'):
    sample_clips.load(prefix, ['rgb'])


@pytest.mark.parametrize(
  ('name', 'hint'),
  [
    ('clip_rgb.npy', r'--sample=/.*/clip$'),
    ('clip_flow.npy', r'--sample=/.*/clip$'),
    ('clip.npy', r'--sample=/.*/clip$'),
    ('clip.npz', 'save each as PREFIX_rgb.npy'),
  ],
)
def test_an_array_given_whole_is_told_its_prefix(tmp_path, name, hint):
  path = tmp_path / name
  path.write_bytes(b'')
  with pytest.raises(errors.InputError, match=hint):
    sample_clips.load(path, ['rgb'])


@pytest.mark.parametrize(
  'given', ['clip_rgb', 'clip_flow', 'clip_', 'clip_flow.npy', 'clip.npy']
)
def test_more_than_the_prefix_is_told_the_prefix(prefix, given):
  pathlib.Path(f'{prefix}_flow.npy').unlink()
  with pytest.raises(errors.InputError, match=r'which is --sample=/.*/clip$'):
    sample_clips.load(prefix.with_name(given), ['rgb', 'flow'])


def test_one_stream_that_is_missing_is_told_what_the_other_is_for(prefix):
  pathlib.Path(f'{prefix}_flow.npy').unlink()
  message = 'clip_flow.npy not found; .*clip_rgb.npy .* --eval_type=rgb$'
  with pytest.raises(errors.InputError, match=message):
    sample_clips.load(prefix, ['rgb', 'flow'])


def test_a_folder_that_may_not_be_entered_is_named(tmp_path, monkeypatch):
  """Tests may run as a user who may enter all folders."""
  path = tmp_path / 'clip'

  def refuse(path):
    raise PermissionError(errno.EACCES, 'Permission denied', str(path))

  monkeypatch.setattr(os, 'lstat', refuse)
  with pytest.raises(errors.InputError, match='cannot be read: Permission den'):
    sample_clips.load(path, ['rgb'])


def test_a_video_too_short_at_its_rate_is_told_its_duration(tmp_path):
  path = small_videos.write_video(
    tmp_path / 'a.webm', small_videos.textured_frames(9), fps=50
  )
  message = r'span 0\.16 seconds, which at 25 frames a second are 4 frames'
  with pytest.raises(errors.InputError, match=message):
    sample_clips.load(path, ['rgb'])
  with pytest.raises(errors.InputError, match='has 9 frames, and the last one'):
    sample_clips.load(path, ['rgb'], frames_per_second=None)


def test_what_is_wrong_with_a_video_is_a_warning(tmp_path, caplog):
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  clips = sample_clips.load(path, ['rgb'], max_seconds=60)
  assert clips['rgb'].shape[1] >= 9
  assert 'a.webm: breaks off after' in caplog.text
  caplog.clear()
  sample_clips.load(path, ['rgb'], max_seconds=0.5)
  assert 'longer than 0.5 seconds, or too large: cut' in caplog.text


def test_arrays_of_several_lengths_are_a_warning(prefix, caplog):
  clip = np.load(f'{prefix}_flow.npy')
  sample_clips.load(prefix, ['rgb', 'flow'])
  assert 'of one clip?' not in caplog.text
  np.save(f'{prefix}_flow.npy', clip[:, :-3])
  sample_clips.load(prefix, ['rgb', 'flow'])
  assert 'has 16 frames of rgb and 13 frames of flow' in caplog.text


def test_arrays_from_zero_to_one_are_a_warning(prefix, caplog):
  clip = np.load(f'{prefix}_rgb.npy')
  sample_clips.load(prefix, ['rgb'])
  assert 'no negative value' not in caplog.text
  np.save(f'{prefix}_rgb.npy', (clip - clip.min()) / (clip.max() - clip.min()))
  sample_clips.load(prefix, ['rgb'])
  assert 'no negative value; if it is in [0, 1], scale it' in caplog.text

"""What a sample must be, and what is said of one that is not."""

import io
import logging
import pickle

import numpy as np
import pytest
import reference
import small_videos

from two_stream import errors, samples


@pytest.fixture
def prefix(tmp_path):
  for stream in ('rgb', 'flow'):
    np.save(tmp_path / f'clip_{stream}.npy', reference.clip(f'{stream}16'))
  return tmp_path / 'clip'


def replace_rgb(prefix, array, **options):
  np.save(prefix.with_name('clip_rgb.npy'), array, **options)


def test_a_pair_of_arrays_gives_both_streams(prefix):
  clips = samples.load(prefix, ['rgb', 'flow'])
  for stream, clip in clips.items():
    np.testing.assert_array_equal(clip, reference.clip(f'{stream}16'))


def test_only_the_streams_asked_for_are_read(prefix):
  prefix.with_name('clip_flow.npy').unlink()
  assert list(samples.load(prefix, ['rgb'])) == ['rgb']


@pytest.mark.parametrize('rate, frames', [(None, 23), (12, 23), (24, 46)])
def test_a_video_is_prepared_at_the_rate_asked_for(tmp_path, rate, frames):
  """24 frames at 12 a second, the last without flow."""
  path = small_videos.write_video(
    tmp_path / 'v.webm', small_videos.textured_frames(24)
  )
  for clip in samples.load(path, ['rgb', 'flow'], rate).values():
    assert clip.shape[1] == frames


def test_double_precision_is_accepted(prefix):
  replace_rgb(prefix, reference.clip('rgb16').astype(np.float64))
  clip = samples.load(prefix, ['rgb'])['rgb']
  np.testing.assert_array_equal(clip, reference.clip('rgb16'))


def test_a_missing_file_is_named_with_what_a_sample_is(prefix):
  with pytest.raises(errors.InputError, match='gone_rgb.npy not found; --samp'):
    samples.load(prefix.with_name('gone'), ['rgb'])


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
    samples.load(prefix, ['rgb'])
  assert 'clip_rgb.npy' in str(error.value)
  assert '\n' not in str(error.value)


def test_values_outside_the_range_are_warned_of(prefix, caplog):
  replace_rgb(prefix, 255 * reference.clip('rgb16'))
  with caplog.at_level(logging.WARNING):
    samples.load(prefix, ['rgb'])
  assert 'clip_rgb.npy: values from -25' in caplog.text


class Bomb:
  """Unpickling it is seen."""

  def __reduce__(self):
    return (pytest.fail, ('a sample was unpickled',))


def test_a_pickled_array_is_refused_unopened(prefix):
  replace_rgb(prefix, np.array([Bomb()]), allow_pickle=True)
  with pytest.raises(errors.InputError, match='clip_rgb.npy is no complete'):
    samples.load(prefix, ['rgb'])


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
    samples.load(prefix, ['rgb'])


@pytest.mark.parametrize('size', [40, 100, 1000, -1])
def test_a_truncated_array_is_refused(prefix, size):
  path = prefix.with_name('clip_rgb.npy')
  path.write_bytes(path.read_bytes()[:size])
  with pytest.raises(errors.InputError, match='clip_rgb.npy is no complete'):
    samples.load(prefix, ['rgb'])

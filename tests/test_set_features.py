"""A set's features: computed once, however often it is asked for."""

import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.evaluation import (
  feature_cache,
  set_clips,
  set_features,
  video_sets,
)

pytestmark = pytest.mark.process

SETTINGS = video_sets.ClipSettings(num_frames=9)


class MeanColours:
  """Takes the place of a network, and counts the clips that it gets."""

  num_features = 3

  def __init__(self):
    self.num_clips = 0

  def of_clips(self, clips):
    """Returns the mean colour of each clip."""
    self.num_clips += len(clips)
    return clips.mean(axis=(1, 2, 3))


def write(folder, *seeds):
  for seed in seeds:
    frames = small_videos.textured_frames(seed=seed)
    small_videos.write_video(folder / f'{seed}.webm', frames)


def features_of(folder, cache, embed):
  sources = video_sets.find(folder, SETTINGS)
  return set_features.of_set(sources, SETTINGS, embed, cache, 1)


@pytest.fixture(name='folder')
def make_folder(tmp_path):
  folder = tmp_path / 'set'
  folder.mkdir()
  write(folder, 0, 1, 2)
  return folder


def test_features_come_in_the_order_of_the_videos_and_are_kept(
  folder, tmp_path, monkeypatch
):
  monkeypatch.setattr(set_features, '_PART', 2)
  (folder / 'same.webm').write_bytes((folder / '1.webm').read_bytes())
  embed = MeanColours()
  open_cache = lambda: feature_cache.FeatureCache(tmp_path / 'cache', '', 3)
  found = features_of(folder, open_cache(), embed)
  expected = [
    set_clips.load((source, SETTINGS)).frames.mean(axis=(0, 1, 2))
    for source in video_sets.find(folder, SETTINGS)
  ]
  np.testing.assert_allclose(found.features, expected, rtol=1e-4)
  np.testing.assert_array_equal(found.features[1], found.features[3])
  assert found.sizes == {(small_videos.HEIGHT, small_videos.WIDTH)}
  assert found.unusable == ()
  assert embed.num_clips == 3  # Equal videos are computed once.
  assert len(list((tmp_path / 'cache').glob('*/*.npz'))) == 2

  folder = folder.rename(tmp_path / 'elsewhere')
  write(folder, 4)
  again = features_of(folder, open_cache(), embed)
  np.testing.assert_array_equal(again.features[[0, 1, 2, 4]], found.features)
  assert embed.num_clips == 4  # The new one alone.


def test_what_was_finished_before_an_interruption_is_kept(
  folder, tmp_path, monkeypatch
):
  monkeypatch.setattr(set_features, '_PART', 1)
  monkeypatch.setattr(set_features.fvd_features, '_BATCH_FRAMES', 9)
  embed = MeanColours()
  of_clips = embed.of_clips

  def interrupted(clips):
    if embed.num_clips == 2:
      raise KeyboardInterrupt
    return of_clips(clips)

  embed.of_clips = interrupted
  open_cache = lambda: feature_cache.FeatureCache(tmp_path / 'cache', '', 3)
  with pytest.raises(KeyboardInterrupt):
    features_of(folder, open_cache(), embed)
  embed.of_clips = of_clips
  assert len(features_of(folder, open_cache(), embed).features) == 3
  assert embed.num_clips == 3


def test_videos_that_cannot_be_used_are_left_out_and_named(folder):
  (folder / 'a.webm').write_bytes(b'no video')
  short = small_videos.textured_frames(5)
  small_videos.write_video(folder / 'b.webm', short)
  (folder / 'c.webm').symlink_to('nowhere')
  cache = feature_cache.FeatureCache(None, '', 3)
  found = features_of(folder, cache, MeanColours())
  assert len(found.features) == 3
  c, a, b = found.unusable
  assert a.startswith(f'{folder}/a.webm: not a video')
  assert b == f'{folder}/b.webm: has 5 frames, fewer than 9'
  assert c.startswith(f'{folder}/c.webm: cannot be read')


def test_a_video_that_changes_ends_the_run(folder, monkeypatch):
  monkeypatch.setattr(set_clips, 'digest', lambda *_: 64 * '0')
  cache = feature_cache.FeatureCache(None, '', 3)
  with pytest.raises(errors.InputError, match='webm: changed while it was'):
    features_of(folder, cache, MeanColours())

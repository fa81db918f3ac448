"""Videos become the logits of the network, as the official program does it."""

import numpy as np
import pytest
import small_networks
import small_videos
import tensorflow as tf

from two_stream import errors
from two_stream.evaluation import fvd, fvd_features
from two_stream.networks import checkpoints, provenance

VIDEOS = np.stack(
  [small_videos.textured_frames(9, seed=seed) for seed in range(3)]
)


@pytest.fixture(name='checkpoint', scope='module')
def write_checkpoint(tmp_path_factory):
  return small_networks.write(tmp_path_factory.mktemp('data'), 'rgb_scratch', 7)


@pytest.fixture(name='embed', scope='module')
def load(checkpoint):
  return fvd_features.Embedder(checkpoint)


def officially(checkpoint, videos):
  """The steps of google-research/frechet_video_distance, with our network."""
  frames = tf.reshape(videos, [-1, *videos.shape[2:]])
  frames = tf.compat.v1.image.resize_bilinear(frames, [224, 224])
  clips = 2.0 * tf.reshape(frames, [len(videos), -1, 224, 224, 3]) / 255.0 - 1
  network = small_networks.load_compiled(checkpoint, 'RGB')
  return network(clips.numpy())


def test_features_are_those_of_the_official_steps(checkpoint, embed):
  features = embed(VIDEOS)
  assert features.shape == (3, embed.num_features) == (3, 7)
  assert features.dtype == np.float32
  expected = officially(checkpoint, VIDEOS)
  assert np.ptp(expected, axis=0).max() > 1e-3
  np.testing.assert_allclose(features, expected, rtol=0, atol=2e-5)
  np.testing.assert_array_equal(embed(VIDEOS.astype(np.float64)), features)


def test_the_distance_of_videos_in_memory(embed):
  worse = np.clip(VIDEOS.astype(int) + 40, 0, 255)
  distance = fvd.frechet_video_distance(VIDEOS, worse, embed)
  assert distance == fvd.frechet_video_distance(embed(VIDEOS), embed(worse))
  assert distance > 0


def test_another_network_is_not_official(checkpoint, embed):
  assert not embed.is_official
  assert embed.name == f'a network of {checkpoint}'


def test_the_official_network_is_known(checkpoint, monkeypatch):
  for name, differing, expected in (
    ('rgb_scratch', (), True),
    ('rgb_scratch', ('Conv3d_1a_7x7/conv_3d/w',), False),
    ('rgb_imagenet', (), False),
  ):
    found = provenance.Provenance(name=name, total=230, differing=differing)
    monkeypatch.setattr(provenance, 'find', lambda _, found=found: found)
    embed = fvd_features.Embedder(checkpoint)
    assert embed.is_official == expected
    assert embed.name == str(found)


def test_the_network_is_made_when_features_are_not_known(
  checkpoint, monkeypatch
):
  """With all features in the cache, nobody calls the embedder."""
  made = []

  def network(*arguments, **options):
    made.append(arguments)
    return lambda clips: np.zeros([len(clips), 7], np.float32)

  monkeypatch.setattr(fvd_features.classifier, 'Classifier', network)
  embed = fvd_features.Embedder(checkpoint)
  assert not made
  for _ in range(2):
    embed(VIDEOS)
    assert len(made) == 1


def test_a_flow_network_is_refused(tmp_path):
  path = small_networks.write(tmp_path, 'flow_scratch', 7)
  assert checkpoints.describe(path).channels == 2
  with pytest.raises(errors.InputError, match='Flow'):
    fvd_features.Embedder(path)


@pytest.mark.parametrize(
  ('videos', 'message'),
  [
    (VIDEOS / 255, r'no value above 0[.]8\d*; the FVD takes 0 to 255, so mult'),
    (
      VIDEOS / 127.5 - 1,
      r'values from -0[.]7\d* to 0[.]7\d*; the FVD',
    ),
    (VIDEOS * 2.0, 'values from 62 to 434; the FVD takes 0 to 255'),
    (np.where(VIDEOS > 90, np.nan, VIDEOS), 'values that are not finite'),
    (VIDEOS[0], r'shape \[9, 48, 64, 3\]; a set is'),
    (VIDEOS[:0], r'shape \[0, 9, 48, 64, 3\]; a set is'),
    (VIDEOS[..., :2], r'shape \[3, 9, 48, 64, 2\]; a set is'),
    (VIDEOS > 90, 'videos hold bool, not numbers'),
  ],
)
def test_other_values_are_refused(videos, message):
  with pytest.raises(errors.InputError, match=message):
    fvd_features.check_videos(videos)


def test_black_videos_and_what_interpolation_adds_are_accepted():
  black = np.zeros([2, 9, 4, 4, 3])
  for videos in (black, black - 0.1, black + 255.1):
    fvd_features.check_videos(videos)


def test_long_clips_go_alone():
  assert [fvd_features.batch_size(n) for n in (9, 16, 64, 300)] == [7, 4, 1, 1]

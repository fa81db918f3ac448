"""Features are what the network computes on the way to its logits."""

import numpy as np
import pytest
import reference
import small_networks
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.evaluation import feature_settings
from two_stream.networks import checkpoints, classifier, feature_network


@pytest.fixture(name='path', scope='module')
def write_network(tmp_path_factory):
  return small_networks.write(tmp_path_factory.mktemp('a'), 'rgb_scratch', 5)


@pytest.fixture(name='clip', scope='module')
def make_clip():
  return reference.clip('rgb16')


def test_the_endpoints_have_the_names_of_the_network_and_of_the_flag():
  names = ('pooled', *i3d.InceptionI3d.VALID_ENDPOINTS)
  assert feature_network.ENDPOINTS == feature_settings.ENDPOINTS == names


@pytest.mark.parametrize(
  'endpoint',
  [
    'Mixed_5c',
    *(
      pytest.param(name, marks=pytest.mark.slow)
      for name in ('Conv3d_1a_7x7', 'Logits', 'Predictions')
    ),
  ],
)
def test_an_endpoint_is_that_of_the_classifier(path, clip, endpoint):
  classify = small_networks.load_compiled(path, 'RGB')
  expected = classify.endpoints(clip, [endpoint])[endpoint]
  found = feature_network.FeatureNetwork(path, 'rgb', endpoint)(clip)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_logits_are_linear_in_pooled(path, clip):
  network = feature_network.FeatureNetwork(path, 'rgb', 'pooled')
  values = checkpoints.read(path)
  w, b = (values[f'{checkpoints.LOGITS}/conv_3d/{leaf}'] for leaf in 'wb')
  logits = network(clip) @ w[0, 0, 0] + b
  expected = small_networks.load_compiled(path, 'RGB')(clip)
  np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_pooled_averages_space_and_pairs_of_time():
  features = np.random.default_rng(0).normal(size=(2, 4, 7, 7, 3))
  features = features.astype(np.float32)
  steps = features.mean(axis=(2, 3))
  pairs = (steps[:, 1:] + steps[:, :-1]) / 2
  found = feature_network.pooled(tf.constant(features))
  np.testing.assert_allclose(found, pairs.mean(axis=1), atol=1e-6)
  found = feature_network.pooled(tf.constant(features[:, :1]))
  np.testing.assert_allclose(found, steps[:, 0], atol=1e-6)


def test_eight_frames_have_pooled_features_and_no_logits(path, clip):
  network = feature_network.FeatureNetwork(path, 'rgb', 'pooled')
  assert network(clip[:, :8]).shape == (1, 64)
  network = feature_network.FeatureNetwork(path, 'rgb', 'Logits')
  with pytest.raises(ValueError, match='at least 9'):
    network(clip[:, :8])


@pytest.mark.slow
def test_bfloat16_is_near_float32(path, clip):
  exact = feature_network.FeatureNetwork(path, 'rgb', 'pooled')(clip)
  network = feature_network.FeatureNetwork(path, 'rgb', 'pooled', 'bfloat16')
  error = np.linalg.norm(network(clip) - exact) / np.linalg.norm(exact)
  assert 0 < error < 0.02


def test_the_other_streams_checkpoint_is_refused(path):
  with pytest.raises(errors.InputError, match='Flow stream'):
    feature_network.FeatureNetwork(path, 'flow', 'pooled')


@pytest.mark.slow
def test_features_that_are_not_finite_are_refused(path, clip, monkeypatch):
  original = classifier.fold

  def huge(*arguments):
    network = original(*arguments)
    for variable in network.variables:
      variable.assign(tf.fill(variable.shape, 1e5))
    return network

  monkeypatch.setattr(classifier, 'fold', huge)
  network = feature_network.FeatureNetwork(path, 'rgb', 'pooled')
  with pytest.raises(errors.InputError, match='pooled is not finite'):
    network(clip)


def test_the_digest_is_of_the_files(path, tmp_path):
  other = small_networks.write(tmp_path, 'rgb_scratch', 5)
  assert feature_network.digest(path) == feature_network.digest(other)
  other = small_networks.write(tmp_path, 'rgb_imagenet', 5)
  assert feature_network.digest(path) != feature_network.digest(other)

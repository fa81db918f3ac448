"""The fast classifier against the plain network, and what is asked of it."""

import numpy as np
import pytest
import reference
import small_networks
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.networks import checkpoints, classifier


@pytest.fixture(scope='module')
def path(kinetics_data):
  return kinetics_data / 'checkpoints' / 'rgb_imagenet' / 'model.ckpt'


@pytest.fixture(scope='module')
def classify(path):
  return classifier.load(path, 'RGB')


def test_folding_batch_norm_keeps_the_original_logits(classify):
  np.testing.assert_allclose(
    classify(reference.clip('rgb16')),
    reference.original()['rgb16/logits'],
    atol=1e-4,
  )


def test_batches_and_lengths_need_no_new_compilation(classify):
  both = reference.clip('rgb_train')
  logits = classify(both)
  assert logits.shape == (2, 400)
  np.testing.assert_allclose(classify(both[1:]), logits[1:], atol=1e-4)
  assert classify(both[:, :9]).shape == (2, 400)


def test_bfloat16_agrees_with_float32(path):
  clip = reference.clip('rgb16')
  original = reference.original()['rgb16/logits']
  logits = classifier.load(path, 'RGB', 'bfloat16')(clip)
  assert logits.dtype == np.float32
  # bfloat16 keeps 8 significant bits: 1/256 is 0.4 %.
  error = np.linalg.norm(logits - original) / np.linalg.norm(original)
  assert 0 < error < 0.01
  assert np.argmax(logits) == np.argmax(original)


def test_short_clips_are_refused(classify):
  with pytest.raises(ValueError, match='at least 9 frames'):
    classify(reference.clip('rgb16')[:, :8])


def test_clips_that_would_be_converted_or_crash_are_refused(classify):
  """TensorFlow takes bytes as they are, and ends the process at 4 axes."""
  clip = reference.clip('rgb16')
  for wrong in ((clip * 127.5 + 127.5).astype(np.uint8), clip[0]):
    for use in (classify, lambda clip: classify.endpoints(clip, ['Mixed_5c'])):
      with pytest.raises(ValueError, match='a clip of .*; clips are'):
        use(wrong)


def test_the_other_streams_checkpoint_is_refused(path):
  with pytest.raises(errors.InputError, match='Flow stream'):
    classifier.load(path, 'Flow')


@pytest.fixture(name='small', scope='module')
def make_small():
  """The values of a network of 1/16 width, and its description."""
  net = i3d.InceptionI3d(3, depth_multiplier=1 / 16)
  net(tf.zeros([1, 9, 193, 193, 3]), is_training=False)
  values = {
    path: variable.numpy()
    for path, variable in checkpoints.variables(net).items()
  }
  return values, checkpoints.Description(
    num_classes=3, channels=3, depth_multiplier=1 / 16, scope='RGB', slots=()
  )


def test_weights_that_overflow_when_folded_are_refused(small):
  values, description = small
  unit = 'Conv3d_1a_7x7'
  w, variance = f'{unit}/conv_3d/w', f'{unit}/batch_norm/moving_variance'
  values = {
    **values,
    w: np.full_like(values[w], 1e38),
    variance: np.zeros_like(values[variance]),
  }
  with pytest.raises(errors.InputError, match='my.ckpt: .* is not finite'):
    classifier.Classifier(values, description, name='my.ckpt')


def test_logits_that_are_not_finite_are_refused(small):
  values, description = small
  w = f'{checkpoints.LOGITS}/conv_3d/w'
  values = {
    path: value + 1 if path.endswith('beta') else value  # No features are 0.
    for path, value in values.items()
  }
  values[w] = np.full_like(values[w], 3e38)
  classify = classifier.Classifier(values, description, name='my.ckpt')
  with pytest.raises(errors.InputError, match='my.ckpt: logits are not finite'):
    classify(np.ones([1, 9, 224, 224, 3], np.float32))


@pytest.fixture(name='trained', scope='module')
def load_small(tmp_path_factory):
  """The classifier of 1/16 width, and the plain network."""
  path = small_networks.write(
    tmp_path_factory.mktemp('data'), 'flow_scratch', 3
  )
  net = i3d.InceptionI3d(3, depth_multiplier=1 / 16)
  checkpoints.restore(net, path)
  return classifier.load(path, 'Flow'), net


def test_endpoints_are_those_of_the_plain_network(trained):
  classify, net = trained
  clip = reference.clip('flow16')
  _, expected = net(clip, is_training=False)
  names = ['Logits', 'Conv3d_1a_7x7', 'Mixed_5c', 'Predictions']
  outputs = classify.endpoints(clip, names)
  assert list(outputs) == names
  expected['Predictions'] = tf.nn.softmax(expected['Logits'])
  for name, output in outputs.items():
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, expected[name], atol=1e-4, err_msg=name)
  np.testing.assert_allclose(outputs['Logits'], classify(clip), atol=1e-6)
  # Another length, with one of the same names.
  short = classify.endpoints(clip[:, :9], ['Mixed_5c'])['Mixed_5c']
  assert short.shape == (1, 2, 7, 7, 64)


def test_unknown_endpoints_and_short_clips_are_refused(trained):
  classify, _ = trained
  clip = reference.clip('flow16')
  with pytest.raises(ValueError, match='unknown endpoints Mixed_9; there are'):
    classify.endpoints(clip, ['Mixed_5c', 'Mixed_9'])
  with pytest.raises(ValueError, match='at least 9 frames'):
    classify.endpoints(clip[:, :8], ['Mixed_5c'])


def test_a_saved_classifier_gives_the_same_logits(trained, tmp_path):
  """TensorFlow loads what was saved, for any number of clips and frames."""
  classify, _ = trained
  assert isinstance(classify, tf.Module)
  tf.saved_model.save(classify, str(tmp_path / 'saved'))
  loaded = tf.saved_model.load(str(tmp_path / 'saved'))
  clip = reference.clip('flow16')
  for clips in (clip, np.concatenate([clip, -clip])[:, :9]):
    np.testing.assert_allclose(loaded.logits(clips), classify(clips), atol=1e-6)


def test_a_saved_classifier_serves_a_signature(trained, tmp_path):
  classify, _ = trained
  tf.saved_model.save(classify, str(tmp_path), signatures=classify.logits)
  serve = tf.saved_model.load(str(tmp_path)).signatures['serving_default']
  clip = reference.clip('flow16')
  (logits,) = serve(clip=tf.constant(clip)).values()
  np.testing.assert_allclose(logits, classify(clip), atol=1e-6)

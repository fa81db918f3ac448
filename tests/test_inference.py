"""The fast classifier against the plain network."""

import numpy as np
import pytest
import reference

from two_stream import errors, inference


@pytest.fixture(scope='module')
def path(kinetics_data):
  return kinetics_data / 'checkpoints' / 'rgb_imagenet' / 'model.ckpt'


@pytest.fixture(scope='module')
def classify(path):
  return inference.classifier(path, 'RGB')


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
  logits = inference.classifier(path, 'RGB', 'bfloat16')(clip)
  assert logits.dtype == np.float32
  # bfloat16 keeps 8 significant bits: 1/256 is 0.4 %.
  error = np.linalg.norm(logits - original) / np.linalg.norm(original)
  assert 0 < error < 0.01
  assert np.argmax(logits) == np.argmax(original)


def test_short_clips_are_refused(classify):
  with pytest.raises(ValueError, match='at least 9 frames'):
    classify(reference.clip('rgb16')[:, :8])


def test_the_other_streams_checkpoint_is_refused(path):
  with pytest.raises(errors.InputError, match='Flow stream'):
    inference.classifier(path, 'Flow')

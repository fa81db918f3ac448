"""One sample: each stream is asked about its own clip."""

import logging

import numpy as np
import pytest
import reference
import small_networks

from two_stream.evaluation import sample_evaluation
from two_stream.networks import classifier


@pytest.fixture(name='checkpoints', scope='module')
def write_checkpoints(tmp_path_factory):
  data = tmp_path_factory.mktemp('data')
  return {
    stream: small_networks.write(data, f'{stream}_imagenet', 3)
    for stream in ('rgb', 'flow')
  }


def test_each_stream_classifies_its_own_clip(checkpoints):
  clips = {stream: reference.clip(f'{stream}16') for stream in checkpoints}
  logits = sample_evaluation.stream_logits(checkpoints, clips)
  assert list(logits) == ['rgb', 'flow']
  for stream, scope in (('rgb', 'RGB'), ('flow', 'Flow')):
    classify = classifier.load(checkpoints[stream], scope)
    np.testing.assert_allclose(
      logits[stream], classify(clips[stream])[0], atol=1e-6
    )


def test_a_stream_without_checkpoint_is_not_asked(checkpoints):
  clips = {stream: reference.clip(f'{stream}16') for stream in checkpoints}
  logits = sample_evaluation.stream_logits({'flow': checkpoints['flow']}, clips)
  assert list(logits) == ['flow']
  assert logits['flow'].shape == (3,)


def test_a_released_network_is_named_in_the_log(monkeypatch, caplog):
  """In one line, and nothing is said of the other network."""

  class Loaded:
    def __init__(self, path, *_):
      is_released = path == 'a/rgb'
      self.provenance = "DeepMind's rgb_x" if is_released else None

    def __call__(self, clip):
      return clip

  monkeypatch.setattr(classifier, 'load', Loaded)
  paths = {'rgb': 'a/rgb', 'flow': 'a/flow'}
  with caplog.at_level(logging.INFO):
    sample_evaluation.stream_logits(paths, {'rgb': [1], 'flow': [2]})
  said = [record.getMessage() for record in caplog.records]
  assert said == ["a/rgb: DeepMind's rgb_x"]


def test_lines_are_those_of_deepminds_script():
  logits, names = np.float32([-80, 60]), ['a', 'b c']
  head = ['Norm of logits: 100.000000', '', 'Top classes and probabilities']
  assert sample_evaluation.lines(logits, names, 2) == [
    *head,
    '1.0 60.0 b c',
    '0.0 -80.0 a',
  ]
  assert sample_evaluation.lines(logits, names, 1) == [*head, '1.0 60.0 b c']

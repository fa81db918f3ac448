"""What is printed of a distance, and what speaks against it."""

import json

import numpy as np
import pytest

from two_stream import errors
from two_stream.evaluation import (
  fvd,
  fvd_features,
  fvd_report,
  set_features,
  video_sets,
)

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=[2, 2100, 4]).astype(np.float32)


class Network:
  """Takes the place of `fvd_features.Embedder`."""

  digest, num_features = 'd', 4
  is_official, name = True, "DeepMind's rgb_scratch, all 230 tensors verified"

  def __init__(self, checkpoint):
    pass


class OtherNetwork(Network):
  """A network that is not DeepMind's."""

  is_official, name = False, 'a network of x\x1b'


def set_of(features, size=(64, 64), unusable=()):
  return set_features.SetFeatures(
    features=features, sizes=frozenset([size]), unusable=unusable
  )


@pytest.fixture(name='compute')
def make_compute(monkeypatch):
  """Computes a report of two sets whose features are known."""

  def compute(a, b, network=Network, **options):
    monkeypatch.setattr(fvd_features, 'Embedder', network)
    sets = iter([a, b])
    monkeypatch.setattr(set_features, 'of_set', lambda *_: next(sets))
    return fvd_report.compute(
      fvd_report.Comparison(
        checkpoint='c',
        reference=[],
        generated=[],
        settings=video_sets.ClipSettings(num_frames=16),
        **options,
      )
    )

  return compute


def test_the_second_word_is_the_distance(compute, caplog):
  report = compute(set_of(A), set_of(B))
  (line,) = report.lines()
  distance = fvd.frechet_video_distance(A, B)
  assert line == (
    f'FVD: {distance:.3f} (2,100 reference and 2,100 generated videos of 16 '
    "frames, DeepMind's rgb_scratch, all 230 tensors verified)"
  )
  assert not caplog.records


def test_the_interval_and_the_json_file(compute, tmp_path):
  report = compute(set_of(A), set_of(B), num_draws=20)
  low, high = fvd.interval(report.distance, fvd.resample(A, B, 20))
  assert report.lines()[1] == (
    f'95 % interval: {low:.3f} to {high:.3f} (20 draws)'
  )
  report.write(tmp_path / 'fvd.json')
  content = json.loads((tmp_path / 'fvd.json').read_text())
  assert content['fvd'] == report.distance
  assert content['interval'] == [low, high]
  assert content['num_reference'] == 2100
  assert content['settings'] == {'num_frames': 16, 'frames_per_second': None}
  assert content['is_official'] is True


@pytest.mark.parametrize(
  ('a', 'b', 'network', 'message'),
  [
    (A[:9], B, Network, 'sets of 9 and 2100 videos; most papers take 2048'),
    (A[:2050], B, Network, 'the sets have 2050 and 2100 videos'),
    (A, B, OtherNetwork, "is defined with DeepMind's rgb_scratch"),
  ],
)
def test_what_speaks_against_a_comparison_is_said(
  compute, caplog, a, b, network, message
):
  report = compute(set_of(a), set_of(b), network)
  (record,) = caplog.records
  assert message in record.getMessage()
  assert '\x1b' not in report.lines()[0]


def test_other_sizes_are_said(compute, caplog):
  compute(set_of(A), set_of(B, (256, 455)))
  assert 'frames of 64 x 64 pixels are compared with frames of 455 x' in (
    caplog.text
  )


def test_unusable_videos_are_an_error_or_are_left_out(compute, caplog):
  bad = set_of(B, unusable=tuple(f'{i}.mp4: is bad' for i in range(5)))
  with pytest.raises(
    errors.InputError,
    match='^5 videos cannot be used: 0.mp4: is bad; 1.mp4: is bad; 2.mp4: is '
    'bad; ...[.] Remove them, or leave them out with --skip_unusable',
  ):
    compute(set_of(A), bad)
  report = compute(set_of(A), bad, skips_unusable=True)
  assert report.num_unusable == 5
  assert 'They are left out' in caplog.text

"""What decides features is known without TensorFlow."""

import dataclasses

import pytest

from two_stream import documents, errors
from two_stream.evaluation import feature_settings

SETTINGS = feature_settings.FeatureSettings(
  eval_type='rgb', checkpoints={'rgb': 'abc'}
)


def test_windows_are_not_too_short():
  for endpoint, least in (('pooled', 8), ('Mixed_3b', 8), ('Logits', 9)):
    change = {'endpoint': endpoint, 'window_frames': least}
    assert dataclasses.replace(SETTINGS, **change).plan.min_frames == least
    change['window_frames'] -= 1
    message = f'{endpoint} needs at least {least} frames'
    with pytest.raises(errors.InputError, match=message):
      dataclasses.replace(SETTINGS, **change)


@pytest.mark.parametrize(
  'change',
  [
    {'eval_type': 'rgb600'},
    {'checkpoints': {'rgb': 'abd'}},
    {'endpoint': 'Logits'},
    {'window_frames': 16},
    {'stride_frames': 1},
    {'is_padded': True},
    {'num_crops': 10},
    {'frames_per_second': None},
    {'precision': 'bfloat16'},
    {'is_of_records': True},
  ],
)
def test_every_setting_is_a_parameter(change):
  """A test fails if a setting is added and not listed here."""
  other = dataclasses.replace(SETTINGS, **change)
  assert other.parameters() != SETTINGS.parameters()
  assert len(dataclasses.fields(SETTINGS)) == 10
  documents.to_json(other.parameters())

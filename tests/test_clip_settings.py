"""What decides what a record holds is listed by name."""

import dataclasses
import importlib.metadata
import json

import numpy as np
import pytest

from two_stream.preprocessing import clip_settings

SETTINGS = clip_settings.Settings()


def test_the_defaults_are_the_published_ones():
  parameters = SETTINGS.parameters()
  assert parameters['frames_per_second'] == 25
  assert parameters['short_side'] == 256
  assert parameters['flow_bound'] == 20
  assert parameters['streams'] == ['rgb', 'flow']
  assert parameters['max_seconds'] == 60


@pytest.mark.parametrize(
  'change',
  [
    {'frames_per_second': None},
    {'short_side': 128},
    {'streams': ('rgb',)},
    {'max_seconds': 10},
  ],
)
def test_every_setting_is_among_the_parameters(change):
  other = dataclasses.replace(SETTINGS, **change)
  assert other.parameters() != SETTINGS.parameters()
  assert other.parameters().keys() == SETTINGS.parameters().keys()


def test_the_rate_of_folders_of_frames_is_a_parameter_where_there_is_one():
  """So that folders of shards of videos go on as they are."""
  name = 'frames_per_second_of_frames'
  assert name not in SETTINGS.parameters()
  other = dataclasses.replace(SETTINGS, frames_per_second_of_frames=12)
  assert other.parameters() == {**SETTINGS.parameters(), name: 12.0}


def test_parameters_are_the_same_after_json():
  for rate in (25, None):
    parameters = clip_settings.Settings(frames_per_second=rate).parameters()
    assert json.loads(json.dumps(parameters)) == parameters


def test_versions_are_those_of_what_makes_pixels():
  versions = clip_settings.versions()
  assert versions['numpy'] == np.__version__
  assert versions['av'] == importlib.metadata.version('av')

"""Features of a window are the network's of that window alone."""

import dataclasses
import types

import numpy as np
import pytest
import small_networks
import small_records
import small_videos
import tensorflow as tf

from two_stream import errors
from two_stream.evaluation import (
  feature_extraction,
  feature_folder,
  feature_settings,
  feature_videos,
  video_clips,
)
from two_stream.networks import feature_network
from two_stream.preprocessing import clip_settings, task_share
from two_stream.records import record_index, schema, tfrecords, view_plan, views
from two_stream.video import pixels


def mean_of_crops(clip):
  """Stands for a network: tells each pixel's mean over time apart."""
  return clip.mean(axis=1)[:, ::16, ::16]


def extraction(folder, streams=('rgb', 'flow'), networks=None, **settings):
  made = feature_settings.FeatureSettings(
    eval_type='joint',
    checkpoints=dict.fromkeys(streams, 'abc'),
    **{'window_frames': 8, 'stride_frames': 3, **settings},
  )
  return feature_extraction.Extraction(
    folder=feature_folder.FeatureFolder(folder, made, task_share.TaskShare()),
    settings=made,
    networks=networks or dict.fromkeys(streams, mean_of_crops),
    batch_windows=2,
  )


@pytest.fixture(name='records', scope='module')
def write_records(tmp_path_factory):
  folder = tmp_path_factory.mktemp('records')
  small_records.write(folder, 'validation')
  return folder


def of_records(job, records, numbers=None):
  index = record_index.of_split(records, 'validation', [*job.networks])
  numbers = range(len(index)) if numbers is None else numbers
  feature_extraction.of_records(job, 'validation', index, numbers)


def test_windows_of_records_have_their_features(tmp_path, records):
  job = extraction(tmp_path)
  of_records(job, records)
  assert job.folder.num_failed == 0
  path = records / 'validation-00001-of-00002.tfrecord'
  for serialized in tfrecords.read_shard(path):
    record = tfrecords.deserialize(serialized)
    rgb, flow = map(pixels.center_crop, schema.read_clip(record))
    with np.load(
      job.folder.path(f'validation/{tfrecords.clip_id(serialized)}')
    ) as found:
      assert found['start_frame'].tolist() == [0, 3]
      assert found['start_seconds'].tolist() == [0, 3 / 25]
      for name, clip in (('rgb', rgb), ('flow', flow)):
        expected = [mean_of_crops(clip[np.newaxis, i : i + 8]) for i in (0, 3)]
        np.testing.assert_array_equal(found[name], np.concatenate(expected))


def test_ten_crops_are_those_of_a_tested_record(tmp_path, records):
  """views.py, which decodes with TensorFlow, knows nothing of this code."""
  job = extraction(tmp_path, num_crops=10, window_frames=13)
  of_records(job, records, [0])
  (serialized, *_) = tfrecords.read_shard(
    records / 'validation-00000-of-00002.tfrecord'
  )
  parsed = tfrecords.parse(tf.constant(serialized))
  plan = view_plan.ViewPlan(num_crops=10)
  with np.load(job.folder.path('validation/0')) as found:
    assert found['rgb'].shape[:2] == (1, 10)
    for number in range(10):
      view = views.planned(parsed, plan, tf.constant(number, tf.int64))
      for stream, tolerance in (('rgb', 0.02), ('flow', 1e-6)):
        shown = views.decode(parsed, stream, view).numpy()
        clip = pixels.unit_range(shown.astype(np.float32), stream)
        expected = mean_of_crops(clip[np.newaxis])[0, 1:-1, 1:-1]
        crop = found[stream][0, number, 1:-1, 1:-1]
        # The decoders differ in the colours at the edge of a crop.
        np.testing.assert_allclose(crop, expected, atol=tolerance)


def test_damaged_records_are_noted(tmp_path, records):
  folder = tmp_path / 'records'
  (path,) = small_records.write(folder, 'validation', [[0, 1]])
  content = bytearray(path.read_bytes())
  content[len(content) // 4] ^= 1
  path.write_bytes(content)
  job = extraction(tmp_path / 'out')
  of_records(job, folder)
  assert job.folder.num_failed == 1
  text = job.folder.failures.read_text()
  assert 'the record at byte 0: the record is damaged' in text
  assert job.folder.path('validation/1').exists()


def test_features_that_are_there_are_kept(tmp_path, records, monkeypatch):
  job = extraction(tmp_path)
  of_records(job, records, [0, 1])
  before = job.folder.path('validation/0').read_bytes()
  job.folder.path('validation/1').unlink()
  made = []
  original = feature_extraction.extract

  def counted(job, video_id, *arguments):
    made.append(video_id)
    original(job, video_id, *arguments)

  monkeypatch.setattr(feature_extraction, 'extract', counted)
  of_records(job, records, [0, 1, 2])
  assert made == ['validation/1', 'validation/2']
  assert job.folder.path('validation/0').read_bytes() == before


def frames_of(path, **options):
  """A video that is read in this process."""
  from two_stream.preprocessing import shown_frames  # noqa: PLC0415

  source = shown_frames.Source(
    path=path, settings=clip_settings.Settings(**options)
  )
  return shown_frames.ShownFrames(source)


class NoBar:
  """Takes the place of a bar."""

  def __getattr__(self, name):
    return lambda *arguments: None


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  frames = small_videos.textured_frames(14, size=(256, 256))
  return small_videos.write_video(
    tmp_path_factory.mktemp('a') / 'a.webm', frames
  )


@pytest.mark.parametrize(
  ('stream', 'scope'),
  [('rgb', 'RGB'), pytest.param('flow', 'Flow', marks=pytest.mark.slow)],
)
def test_windows_of_a_video_have_the_features_of_its_clip(
  tmp_path, video, stream, scope
):
  """The clip is that of evaluate_sample.py, the network the classifier."""
  path = small_networks.write(tmp_path, f'{stream}_scratch', 5)
  network = feature_network.FeatureNetwork(path, stream, 'Logits')
  job = extraction(
    tmp_path / 'out',
    networks={stream: network},
    endpoint='Logits',
    window_frames=9,
    stride_frames=7,
  )
  streams = ('rgb', stream)
  feature_extraction.extract(
    job, 'a', 'a.webm', {}, frames_of(video, streams=streams), NoBar()
  )
  clips = video_clips.read(video, clip_settings.Settings(), [stream]).clips
  clip = dict(clips)[stream]
  classify = small_networks.load_compiled(path, scope)
  starts = [0, 7, 14]
  expected = [classify(clip[:, start : start + 9])[0] for start in starts]
  with np.load(job.folder.path('a')) as found:
    assert found['start_frame'].tolist() == starts
    np.testing.assert_allclose(found[stream], expected, atol=1e-5)


def test_a_short_video_is_one_window_and_noted(tmp_path, video):
  job = extraction(tmp_path, ('rgb',), window_frames=64)
  feature_extraction.extract(
    job, 'a', 'a.webm', {}, frames_of(video, streams=('rgb',)), NoBar()
  )
  with np.load(job.folder.path('a')) as found:
    assert len(found['rgb']) == 1
    assert 'one window of all frames (27)' in str(found['how'])


def test_damaged_videos_fail_unless_they_are_wanted(tmp_path):
  path = small_videos.write_truncated(tmp_path / 'a.webm')
  job = extraction(tmp_path / 'out', ('rgb',))
  for is_kept in (False, True):
    job = dataclasses.replace(job, keep_truncated=is_kept)
    feature_extraction.extract(
      job, 'a', 'a.webm', {}, frames_of(path, streams=('rgb',)), NoBar()
    )
    assert job.folder.path('a').exists() == is_kept
  assert job.folder.num_failed == 1
  assert 'use --keep_truncated' in job.folder.failures.read_text()


def test_a_full_disk_ends_the_program(tmp_path, video, monkeypatch):
  """It is no failure of the video."""

  def full(*arguments, **options):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(
    feature_extraction.feature_file.tempfile, 'TemporaryFile', full
  )
  job = extraction(tmp_path, ('rgb',))
  with pytest.raises(errors.InputError, match='No space left'):
    feature_extraction.extract(
      job, 'a', 'a.webm', {}, frames_of(video, streams=('rgb',)), NoBar()
    )
  assert job.folder.num_failed == 0


def test_versions_are_those_of_the_libraries():
  assert feature_extraction.versions()['tensorflow'] == tf.__version__


def test_the_process_is_told_of_the_next_video_at_once(
  tmp_path, video, monkeypatch
):
  log = []

  class Process:
    def give(self, source):
      log.append(f'give {source.path.name}')

    def take(self):
      log.append('take')
      return types.SimpleNamespace(damage='broken', notes=(), length=0.0)

    def close(self):
      log.append('close')

  monkeypatch.setattr(
    feature_extraction.frames_process, 'FramesProcess', Process
  )
  monkeypatch.setattr(feature_extraction, 'extract', lambda *_: None)
  found = []
  for name in ('a', 'b', 'gone', 'c'):
    path = tmp_path / name
    if name != 'gone':
      path.write_text(name)
    found.append(feature_videos.WantedVideo(id=name, path=path))
  job = extraction(tmp_path / 'out', ('rgb',))
  feature_extraction.of_videos(job, found, num_threads=1)
  assert log == [
    *('give a', 'give b', 'take', 'give c', 'take', 'take', 'close')
  ]
  assert job.folder.num_missing == 1

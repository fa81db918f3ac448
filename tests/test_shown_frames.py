"""The frames of a long video come one by one, as those of a short one do."""

import dataclasses

import numpy as np
import pytest
import small_videos

from two_stream import errors
from two_stream.evaluation import video_clips
from two_stream.preprocessing import clip_settings, shown_frames
from two_stream.records import schema
from two_stream.video import pixels, resampling, tvl1

SMALL = clip_settings.Settings(short_side=48)


@pytest.fixture(name='video', scope='module')
def write_video(tmp_path_factory):
  return small_videos.write_video(
    tmp_path_factory.mktemp('a') / 'good.webm',
    small_videos.textured_frames(18),
  )


@pytest.fixture(autouse=True)
def crop_less(monkeypatch):
  monkeypatch.setattr(pixels, 'CROP_SIZE', 32)


def stream(path, **options):
  options = {'settings': SMALL, 'num_threads': 2, **options}
  frames = shown_frames.ShownFrames(shown_frames.Source(path=path, **options))
  return frames, list(frames)


@pytest.mark.parametrize('rate', [25, 7, None])
def test_the_clip_is_that_of_evaluate_sample(video, rate):
  settings = dataclasses.replace(SMALL, frames_per_second=rate)
  expected = dict(video_clips.read(video, settings).clips)
  _, shown = stream(video, settings=settings)
  ticks = [each.num_ticks for each in shown]
  index = np.repeat(np.arange(len(shown)), ticks)
  rgb, flow = schema.expand(
    [each.rgb for each in shown], [each.flow for each in shown[:-1]], index
  )
  np.testing.assert_array_equal(rgb, expected['rgb'][0])
  np.testing.assert_array_equal(flow, expected['flow'][0])
  assert shown[-1].flow is None


def test_whole_frames_are_given_where_no_crop_is_wanted(video):
  _, shown = stream(video, is_cropped=False)
  assert shown[0].rgb.shape == (48, 64, 3)
  assert shown[0].flow.shape == (48, 64, 2)


def test_no_flow_is_computed_where_none_is_wanted(video, monkeypatch):
  monkeypatch.delattr(tvl1, 'optical_flow')
  settings = dataclasses.replace(SMALL, streams=('rgb',))
  _, shown = stream(video, settings=settings)
  assert {each.flow for each in shown} == {None}


def test_a_part_has_the_times_of_the_file(video):
  frames, shown = stream(video, start=0.25, end=0.55)
  assert [each.seconds for each in shown] == pytest.approx(
    [3 / 12, 4 / 12, 5 / 12, 6 / 12], abs=1e-3
  )
  assert frames.length == pytest.approx(0.3, abs=1e-3)


def test_a_folder_of_frames_is_a_video(tmp_path, video):
  folder = tmp_path / 'frames'
  folder.mkdir()
  for number, frame in enumerate(small_videos.textured_frames(5)):
    small_videos.cv2.imwrite(str(folder / f'{number}.png'), frame[..., ::-1])
  rate = {'frames_per_second_of_frames': 25.0}
  frames, shown = stream(folder, settings=dataclasses.replace(SMALL, **rate))
  assert [each.seconds for each in shown] == [0, 0.04, 0.08, 0.12, 0.16]
  assert frames.length == pytest.approx(0.2)
  with pytest.raises(errors.InputError, match='--frames_per_second_of_frames'):
    stream(folder)


def test_damage_is_told_at_the_end(tmp_path, video):
  frames, shown = stream(small_videos.write_truncated(tmp_path / 'a.webm'))
  assert shown
  assert frames.damage.startswith('breaks off after')


def test_a_single_frame_and_a_gap_of_hours_are_refused(
  tmp_path, video, monkeypatch
):
  one = small_videos.write_video(
    tmp_path / 'a.webm', small_videos.textured_frames(1)
  )
  with pytest.raises(errors.InputError, match='one frame only'):
    stream(one)
  monkeypatch.setattr(shown_frames, '_LONGEST_GAP', 80_000)
  with pytest.raises(errors.InputError, match='no frame for more than an hour'):
    stream(video)


def test_few_frames_are_in_memory(tmp_path, video, monkeypatch):
  """The decoder is never many frames ahead of the one that was taken."""
  path = small_videos.write_video(
    tmp_path / 'a.webm', small_videos.textured_frames(90), fps=25
  )
  decoded = []
  original = resampling.resample_stream

  def counted(frames, rate):
    return original((decoded.append(1) or frame for frame in frames), rate)

  monkeypatch.setattr(resampling, 'resample_stream', counted)
  monkeypatch.setattr(shown_frames, '_PAIRS_AHEAD', 5)
  monkeypatch.setattr(tvl1, 'optical_flow', lambda a, b: np.zeros((48, 64, 2)))
  source = shown_frames.Source(path=path, settings=SMALL)
  for number, _ in enumerate(shown_frames.ShownFrames(source)):
    assert len(decoded) <= number + 9

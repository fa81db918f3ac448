"""The synthetic data set: what is drawn, how it is split, what is written."""

import itertools
import json

import cv2
import numpy as np
import programs
import pytest

from demo import dataset, objects, sprites, templates, textures
from two_stream import errors
from two_stream.datasets import data_set, mirroring, something_something
from two_stream.video import reader

ROOT = programs.ROOT
# The 174 names, in the order of the original's labels.json, from the data set's
# card at huggingface.co/datasets/HuggingFaceM4/something_something_v2.
REAL_CLASSES = ROOT / 'tests/golden/something_something_v2_classes.txt'
BY_NAME = {template.name: template for template in templates.TEMPLATES}
OPPOSITES = [
  ('Covering something with something', 'Uncovering something'),
  (
    'Moving something and something closer to each other',
    'Moving something and something away from each other',
  ),
  (
    'Moving something towards the camera',
    'Moving something away from the camera',
  ),
  ('Moving something up', 'Moving something down'),
  (
    'Pushing something from left to right',
    'Pushing something from right to left',
  ),
  (
    'Turning the camera left while filming something',
    'Turning the camera right while filming something',
  ),
]
COUNTS = ['--num_train=3', '--num_validation=2', '--num_test=2']


def take_of(name, seed=0, split='train', seconds=1.0):
  rng = np.random.default_rng(seed)
  return templates.set_up(BY_NAME[name], rng, split, seconds, seconds)


def frames_of(name, seed=0):
  return np.stack(list(templates.film(take_of(name, seed))))


def run_script(folder, *arguments):
  return programs.run_script(
    'demo/synthetic_ssv2.py',
    f'--output_dir={folder}',
    '--min_seconds=0.25',
    '--max_seconds=0.5',
    *arguments,
    timeout=120,
  )


def contents(folder):
  paths = (path for path in folder.rglob('*') if path.is_file())
  return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope='module')
def rendered(tmp_path_factory):
  folder = tmp_path_factory.mktemp('rendered')
  result = run_script(folder, *COUNTS, '--num_workers=1')
  assert result.returncode == 0, result.stderr
  assert result.stdout == 'train: 3 clips\nvalidation: 2 clips\ntest: 2 clips\n'
  return folder


def test_every_class_is_one_of_the_original():
  real = REAL_CLASSES.read_text(encoding='utf-8').splitlines()
  assert len(real) == len(set(real)) == 174
  assert len(BY_NAME) == len(templates.TEMPLATES) >= 16
  assert set(BY_NAME) <= set(real)


@pytest.mark.parametrize(('one', 'other'), OPPOSITES)
def test_opposites_show_the_same_frames_in_opposite_order(one, other):
  for seed in range(2):
    forwards, backwards = frames_of(one, seed), frames_of(other, seed)
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert np.any(forwards[0] != forwards[-1])


def centroid(frames, index):
  """Where a frame differs from what most frames show: (x, y) in pixels."""
  difference = np.abs(frames[index] - np.median(frames, axis=0)).sum(axis=-1)
  y, x = np.mgrid[: difference.shape[0], : difference.shape[1]]
  weights = np.where(difference > 60, difference, 0)
  return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def displacement(name, seed):
  take = take_of(name, seed)
  still = take._replace(camera=np.zeros_like(take.camera))
  frames = np.stack(list(templates.film(still)))
  return centroid(frames, -1) - centroid(frames, 0)


def test_things_move_where_the_class_says():
  for seed in range(4):
    assert displacement('Pushing something from left to right', seed)[0] > 60
    assert displacement('Pushing something from right to left', seed)[0] < -60
    assert displacement('Moving something up', seed)[1] < -40
    assert displacement('Moving something down', seed)[1] > 40


def test_turning_the_camera_left_moves_the_picture_right():
  for side, sign in (('left', 1), ('right', -1)):
    for seed in range(4):
      frames = frames_of(
        f'Turning the camera {side} while filming something', seed
      )
      gray = [np.float32(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)) for f in frames]
      window = cv2.createHanningWindow(gray[0].shape[::-1], cv2.CV_32F)
      shifts = [
        cv2.phaseCorrelate(first, second, window)[0][0]
        for first, second in itertools.pairwise(gray)
      ]
      assert sign * sum(shifts) > 0.5 * templates.HEIGHT, (side, seed)


def test_half_of_the_clips_of_a_side_are_mirrored():
  """So that a mug's handle or a shadow does not tell left from right."""
  for side in ('left to right', 'right to left'):
    mirrored = [
      take_of(f'Pushing something from {side}', seed, seconds=0.5).mirrored
      for seed in range(20)
    ]
    assert 4 <= sum(mirrored) <= 16


def test_splits_share_no_objects_and_have_every_kind():
  everything = itertools.product(
    objects.KINDS_AND_CLOTH, textures.PATTERNS, textures.COLOURS
  )
  found = {split: [] for split in data_set.SPLITS}
  for thing in everything:
    found[objects.split_of(*thing)].append(thing)
  for things in found.values():
    kinds, patterns, colours = map(set, zip(*things))
    assert kinds == set(objects.KINDS_AND_CLOTH)
    assert patterns == set(textures.PATTERNS)
    assert colours == set(textures.COLOURS)

  cast = {split: set() for split in data_set.SPLITS}
  for split, name in itertools.product(data_set.SPLITS, BY_NAME):
    cast[split] |= set(take_of(name, split=split, seconds=0.25).names)
  for one, other in itertools.combinations(data_set.SPLITS, 2):
    assert cast[one] and not cast[one] & cast[other]


def test_objects_stand_out_from_the_background():
  rng = np.random.default_rng(0)
  inside, outside = [], []
  for _ in range(20):
    picture = sprites.painted(rng, *objects.choose(rng, 'train')).levels[0]
    inside.append(picture[picture[..., 3] == 255][:, :3].std())
    outside.append(textures.background(rng, 120, 160)[60:].std())
  assert np.median(outside) < 0.5 * np.median(inside)


def test_every_class_appears_once_a_round():
  names = {
    dataset.template_of(3, 'train', number).name
    for number in range(len(BY_NAME), 2 * len(BY_NAME))
  }
  assert names == set(BY_NAME)


def test_caption_fills_the_template_with_what_is_drawn():
  template = BY_NAME['Covering something with something']
  placeholders, caption = template.caption(['red mug', 'blue cloth'])
  assert caption == 'covering red mug with blue cloth'
  assert placeholders == ['red mug', 'blue cloth']
  template = BY_NAME['Uncovering something']
  assert template.caption(['red mug', 'blue cloth']) == (
    ['red mug'],
    'uncovering red mug',
  )


@pytest.mark.process
def test_label_files_are_in_the_original_format(rendered):
  folder = rendered / 'labels'
  names = something_something.read_class_names(folder)
  assert names == sorted(BY_NAME)
  mirrored = mirroring.flipped_labels(names)
  assert sum(i != j for i, j in enumerate(mirrored)) == 4
  ids = []
  for split, count in (('train', 3), ('validation', 2), ('test', 2)):
    samples = something_something.read_samples(folder, split)
    assert len(samples) == count
    assert all(sample.label in names for sample in samples)
    ids += [sample.id for sample in samples]
  assert len(set(ids)) == len(ids)
  videos = rendered / '20bn-something-something-v2'
  assert {path.stem for path in videos.iterdir()} == set(ids)
  path = folder / 'something-something-v2-train.json'
  for entry in json.loads(path.read_text()):
    assert list(entry) == ['id', 'label', 'template', 'placeholders']
    assert all(name in entry['label'] for name in entry['placeholders'])
  path = folder / 'something-something-v2-test.json'
  assert all(list(entry) == ['id'] for entry in json.loads(path.read_text()))


@pytest.mark.process
def test_clips_decode_at_12_frames_a_second_and_240_pixels(rendered):
  for path in (rendered / '20bn-something-something-v2').iterdir():
    clip = reader.read_video(path, short_side=templates.HEIGHT)
    assert 3 <= len(clip.frames) <= 6
    assert clip.damage == ''
    assert clip.frames.shape[1] == 240
    assert clip.frames.shape[2] in (320, 426)
    np.testing.assert_allclose(np.diff(clip.timestamps), 1e6 / 12, atol=1000)


@pytest.mark.process
def test_a_decoded_clip_shows_what_was_drawn(rendered):
  _, take = dataset.set_up(dataset.Settings(0, 0.25, 0.5), 'train', 0)
  path = rendered / '20bn-something-something-v2/1.webm'
  decoded = reader.read_video(path, short_side=templates.HEIGHT).frames
  drawn = np.stack(list(templates.film(take)))
  assert np.abs(decoded - drawn.astype(float)).mean() < 4


@pytest.mark.process
def test_same_seed_gives_the_same_bytes_with_any_number_of_processes(
  rendered, tmp_path
):
  result = run_script(tmp_path, *COUNTS, '--num_workers=2')
  assert result.returncode == 0, result.stderr
  assert contents(tmp_path) == contents(rendered)


@pytest.mark.process
def test_a_rerun_renders_only_what_is_missing(rendered, tmp_path):
  folder = tmp_path / 'again'
  videos = folder / '20bn-something-something-v2'
  videos.mkdir(parents=True)
  for name in ('settings.json', '20bn-something-something-v2/4.webm'):
    (folder / name).write_bytes((rendered / name).read_bytes())
  kept = (videos / '4.webm').stat().st_mtime_ns
  result = run_script(folder, *COUNTS, '--num_workers=2')
  assert result.returncode == 0, result.stderr
  assert contents(folder) == contents(rendered)
  assert (videos / '4.webm').stat().st_mtime_ns == kept


def test_another_seed_shows_other_clips():
  first, second = (
    dataset.set_up(dataset.Settings(seed, 0.5, 1), 'train', 0)[1]
    for seed in (0, 1)
  )
  assert first.names != second.names


@pytest.mark.process
def test_folders_of_other_clips_are_refused(rendered, tmp_path):
  with pytest.raises(errors.InputError, match='choose another --output_dir'):
    dataset.prepare(rendered, dataset.Settings(1, 0.25, 0.5))
  videos = tmp_path / '20bn-something-something-v2'
  videos.mkdir()
  (videos / '1.webm').write_bytes(b'the real one')
  result = run_script(tmp_path, *COUNTS)
  assert result.returncode == 1
  assert 'error: ' in result.stderr and 'elsewhere' in result.stderr
  assert contents(tmp_path) == {
    '20bn-something-something-v2/1.webm': b'the real one'
  }


def test_stills_show_every_kind():
  assert 10 <= len(objects.KINDS) <= 20
  rng = np.random.default_rng(0)
  for kind in objects.KINDS:
    picture = sprites.still(rng, kind)
    assert picture.shape == (224, 224, 3) and picture.dtype == np.uint8
  again = sprites.still(np.random.default_rng(1), 'mug')
  np.testing.assert_array_equal(
    again, sprites.still(np.random.default_rng(1), 'mug')
  )
  assert np.any(again != sprites.still(np.random.default_rng(2), 'mug'))

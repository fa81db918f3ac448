"""evaluate_sample.py and multi_evaluate.sh, run as a user runs them."""

import os
import re
import shutil
import stat
import sys

import cv2
import numpy as np
import printed
import programs
import pytest
import reference
import small_networks
import small_videos
import tensorflow as tf

import i3d
from two_stream.evaluation import sample_clips
from two_stream.networks import checkpoints

pytestmark = pytest.mark.process

# Output of multi_evaluate.sh -> checkpoints whose logits it adds.
COMBINATIONS = {
  'imagenet_rgb': ['rgb_imagenet'],
  'imagenet_flow': ['flow_imagenet'],
  'imagenet_joint': ['rgb_imagenet', 'flow_imagenet'],
  'no_imagenet_rgb': ['rgb_scratch'],
  'no_imagenet_flow': ['flow_scratch'],
  'no_imagenet_joint': ['rgb_scratch', 'flow_scratch'],
  'no_imagenet_rgb600': ['rgb_scratch_kin600'],
}


def evaluate(*flags):
  return programs.run_script('evaluate_sample.py', *flags)


def multi_evaluate(data, out, **options):
  return programs.run(
    [programs.ROOT / 'multi_evaluate.sh', data, out],
    env={'PYTHON': sys.executable},
    **options,
  )


@pytest.fixture(scope='module')
def rgb_data(tmp_path_factory):
  """A data directory of one RGB network, with its sample."""
  data = tmp_path_factory.mktemp('rgb')
  small_networks.write(data, 'rgb_imagenet', 3)
  (data / 'label_map.txt').write_text('one\ntwo\nthree\n')
  np.save(data / 'v_rgb.npy', reference.clip('rgb16'))
  return data


@pytest.fixture(scope='module')
def small_data(kinetics_data, tmp_path_factory):
  """A whole data directory as DeepMind's, of networks of 1/16 width."""
  data = tmp_path_factory.mktemp('small')
  for path in kinetics_data.iterdir():
    if path.is_file():
      (data / path.name).symlink_to(path)
  for name in {name for names in COMBINATIONS.values() for name in names}:
    small_networks.write(data, name, 600 if name.endswith('600') else 400)
  return data


def published_from(data, tmp_path_factory):
  """What multi_evaluate.sh writes."""
  out = tmp_path_factory.mktemp('out')
  result = multi_evaluate(data, out)
  assert result.returncode == 0, result.stderr
  return out


@pytest.fixture(scope='module')
def small_published(small_data, tmp_path_factory):
  return published_from(small_data, tmp_path_factory)


@pytest.fixture(scope='module')
def full_published(kinetics_data, tmp_path_factory):
  return published_from(kinetics_data, tmp_path_factory)


def test_multi_evaluate_writes_every_combination(small_published):
  names = sorted(path.name for path in small_published.iterdir())
  assert names == sorted(f'{name}.txt' for name in COMBINATIONS)


@pytest.mark.parametrize('combination', COMBINATIONS)
@pytest.mark.parametrize(
  'size', ['small', pytest.param('full', marks=pytest.mark.slow)]
)
def test_prints_the_norm_and_top_20_the_network_gives(
  request, size, combination
):
  data = request.getfixturevalue(
    'small_data' if size == 'small' else 'kinetics_data'
  )
  published = request.getfixturevalue(f'{size}_published')
  logits = 0
  for name in COMBINATIONS[combination]:
    path = data / 'checkpoints' / name / 'model.ckpt'
    description = checkpoints.describe(path)
    net = i3d.InceptionI3d(
      description.num_classes, depth_multiplier=description.depth_multiplier
    )
    checkpoints.restore(net, path)
    clip = reference.clip(f'{name.partition("_")[0]}16')
    logits = logits + net(clip, is_training=False)[0].numpy()[0]
  probabilities = tf.nn.softmax(logits).numpy()

  norm, rows = printed.parse((published / f'{combination}.txt').read_text())
  assert norm == pytest.approx(np.linalg.norm(logits), abs=1e-3)
  assert len(rows) == 20
  best = np.sort(logits)[::-1][:20]
  np.testing.assert_allclose([row[1] for row in rows], best, atol=1e-4)
  for probability, logit, label in rows:
    index, count = map(int, re.findall(r'\d+', label))
    assert count == len(logits)
    assert logit == pytest.approx(logits[index], abs=1e-4)
    assert probability == pytest.approx(probabilities[index], rel=1e-3)


def test_the_two_initializations_differ(small_published):
  for stream in ('rgb', 'flow', 'joint'):
    with_imagenet = (small_published / f'imagenet_{stream}.txt').read_text()
    without = (small_published / f'no_imagenet_{stream}.txt').read_text()
    assert with_imagenet != without


def test_multi_evaluate_runs_what_there_is_and_leaves_nothing_else(
  rgb_data, tmp_path
):
  """It respects the umask, and removes what dead runs left."""
  (tmp_path / '.imagenet_rgb.txt.123456').touch()
  os.utime(tmp_path / '.imagenet_rgb.txt.123456', (0, 0))
  (tmp_path / '.imagenet_rgb.txt.abcdef').touch()  # A live run's.
  result = multi_evaluate(rgb_data, tmp_path, umask=0o077)
  assert result.returncode == 0, result.stderr
  assert sorted(path.name for path in tmp_path.iterdir()) == [
    '.imagenet_rgb.txt.abcdef',
    'imagenet_rgb.txt',
  ]
  assert result.stderr.count('left out') == len(COMBINATIONS) - 1
  mode = (tmp_path / 'imagenet_rgb.txt').stat().st_mode
  assert stat.S_IMODE(mode) == 0o600


def test_multi_evaluate_stops_at_a_failure_and_keeps_the_old_file(
  rgb_data, tmp_path
):
  data, out = tmp_path / 'data', tmp_path / 'out'
  shutil.copytree(rgb_data, data)
  (data / 'label_map.txt').write_text('one\n')
  out.mkdir()
  (out / 'imagenet_rgb.txt').write_text('old')
  result = multi_evaluate(data, out)
  assert result.returncode != 0
  assert 'label_map.txt has 1 class names' in result.stderr
  assert [path.name for path in out.iterdir()] == ['imagenet_rgb.txt']
  assert (out / 'imagenet_rgb.txt').read_text() == 'old'


def test_multi_evaluate_without_checkpoints_fails(tmp_path):
  result = multi_evaluate(tmp_path, tmp_path / 'out')
  assert result.returncode == 1
  assert 'no checkpoints' in result.stderr


@pytest.fixture(name='top_2', scope='module')
def print_top_2(rgb_data):
  """What is printed for the sample of `rgb_data`, with two classes."""
  return evaluate(
    '--eval_type=rgb', f'--data_dir={rgb_data}', '--top_k=2'
  ).stdout


def test_top_k_and_bfloat16(rgb_data, top_2):
  norm, rows = printed.parse(top_2)
  assert len(rows) == 2
  reduced, _ = printed.parse(
    evaluate(
      *('--eval_type=rgb', f'--data_dir={rgb_data}', '--precision=bfloat16')
    ).stdout
  )
  assert reduced == pytest.approx(norm, rel=0.02)


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--imagenet_pretrained', 'false'], '--noimagenet_pretrained'),
    (['--eval_type=flow'], 'flow_imagenet/model.ckpt.index not found'),
    (['--noimagenet_pretrained'], 'rgb_scratch/model.ckpt.index not found'),
    (['--eval_type=rgb', '--sample=gone'], 'gone_rgb.npy not found'),
  ],
)
def test_a_mistake_is_one_line_and_status_1(rgb_data, flags, message):
  result = evaluate(f'--data_dir={rgb_data}', *flags)
  printed.assert_one_line_error(result, message)


def test_the_other_streams_checkpoint_is_one_line(rgb_data, tmp_path):
  shutil.copytree(rgb_data, tmp_path, dirs_exist_ok=True)
  folder = tmp_path / 'checkpoints'
  (folder / 'rgb_imagenet').rename(folder / 'flow_imagenet')
  np.save(tmp_path / 'v_flow.npy', reference.clip('flow16'))
  result = evaluate('--eval_type=flow', f'--data_dir={tmp_path}')
  assert result.returncode == 1
  assert 'is a RGB checkpoint; the Flow stream was asked' in result.stderr
  assert result.stderr.count('\n') == 1


def test_no_path_is_a_pattern(rgb_data, top_2, tmp_path):
  shutil.copytree(rgb_data, tmp_path / 'data[1]*')
  result = evaluate(
    '--eval_type=rgb', '--top_k=2', f'--data_dir={tmp_path}/data[1]*'
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout == top_2


def test_a_network_that_is_not_finite_is_one_line(rgb_data, tmp_path):
  """All but its logits: behind ReLU nobody would see it."""
  shutil.copytree(rgb_data, tmp_path, dirs_exist_ok=True)
  path = tmp_path / 'checkpoints' / 'rgb_imagenet' / 'model.ckpt'
  values = {
    name: value if name.startswith('Logits/') else np.full_like(value, np.nan)
    for name, value in checkpoints.read(path).items()
  }
  checkpoints.write(values, path, 'RGB')
  result = evaluate('--eval_type=rgb', f'--data_dir={tmp_path}')
  name = 'RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w'
  printed.assert_one_line_error(
    result, f'{path}: {name} is not finite (228 of 230 variables'
  )


def test_the_data_directory_decides_the_frame_rate(rgb_data, tmp_path):
  shutil.copytree(rgb_data, tmp_path, dirs_exist_ok=True)
  (tmp_path / 'parameters.json').write_text('{}')
  result = evaluate('--eval_type=rgb', f'--data_dir={tmp_path}')
  assert result.returncode == 1
  assert 'parameters.json does not tell the frames_per_sec' in result.stderr
  assert result.stderr.count('\n') == 1


def test_a_clip_out_of_range_is_classified_with_a_warning(rgb_data, tmp_path):
  np.save(tmp_path / 'v_rgb.npy', 100 * reference.clip('rgb16'))
  result = evaluate(
    '--eval_type=rgb', f'--data_dir={rgb_data}', f'--sample={tmp_path}/v'
  )
  assert result.returncode == 0
  assert 'values from -9' in result.stderr
  assert len(printed.parse(result.stdout)[1]) == 3


def test_a_report_and_gifs_of_a_video(small_data, tmp_path):
  """At the rate that the data directory tells."""
  data = tmp_path / 'data'
  data.mkdir()
  for name in ('checkpoints', 'label_map.txt'):
    (data / name).symlink_to(small_data / name)
  (data / 'parameters.json').write_text(
    '{"parameters": {"frames_per_second": 12}}'
  )
  frames = small_videos.textured_frames(24)
  small_videos.write_video(data / 'sample.webm', frames)
  page = tmp_path / 'report.html'
  result = evaluate(f'--data_dir={data}', f'--report={page}')
  assert result.returncode == 0, result.stderr
  _, rows = printed.parse(result.stdout)
  text = page.read_text()
  assert f'<h1>{rows[0][2]}</h1>' in text
  assert 'sample.webm: 23 frames, 12 a second' in text
  assert f'{100 * rows[0][0]:.1f} %' in text

  result = programs.run_script(
    'demo/make_gifs.py',
    f'--data_dir={data}',
    f'--output_dir={tmp_path / "docs"}',
  )
  assert result.returncode == 0, result.stderr
  for stream in ('rgb', 'flow'):
    content = (tmp_path / 'docs' / f'sample_{stream}.gif').read_bytes()
    assert content.startswith(b'GIF89a')
    assert len(content) < 1_000_000
    _, animation = cv2.imdecodeanimation(
      np.frombuffer(content, np.uint8)[np.newaxis]
    )
    assert len(animation.frames) == 23


DEEPMIND_DATA = os.environ.get('KINETICS_I3D_DATA', '')


@pytest.mark.skipif(
  not DEEPMIND_DATA,
  reason='needs the released weights: set KINETICS_I3D_DATA to the data folder '
  'of a clone of github.com/google-deepmind/kinetics-i3d',
)
@pytest.mark.parametrize('combination', reference.published_outputs())
def test_released_weights_give_the_published_outputs(combination):
  initialization, _, stream = combination.rpartition('_')
  flag = initialization.replace('no_', 'no') + '_pretrained'
  result = evaluate(
    f'--data_dir={DEEPMIND_DATA}', f'--eval_type={stream}', f'--{flag}'
  )
  expected = reference.published_outputs()[combination]
  norm, rows = printed.parse(result.stdout)
  assert norm == pytest.approx(expected['norm'], rel=1e-4)
  for row, (probability, logit, label) in zip(rows, expected['top']):
    assert row[2] == label
    assert row[1] == pytest.approx(logit, rel=1e-3)
    assert row[0] == pytest.approx(probability, rel=1e-2)


@pytest.mark.slow
def test_the_windows_of_a_video_are_classified(rgb_data, tmp_path):
  """Each window is what it would be in the whole clip."""
  frames = small_videos.textured_frames(14, size=(256, 256))
  video = small_videos.write_video(tmp_path / 'a.webm', frames)
  report = tmp_path / 'a.html'
  result = evaluate(
    *(f'--data_dir={rgb_data}', '--eval_type=rgb', f'--sample={video}'),
    *('--window_frames=9', '--stride_frames=7', f'--report={report}'),
  )
  assert result.returncode == 0, result.stderr
  heading, *lines = result.stdout.splitlines()
  assert heading == 'Seconds, probability and top class of each window'
  clip = sample_clips.load(video, ['rgb'])['rgb']
  checkpoint = rgb_data / 'checkpoints' / 'rgb_imagenet' / 'model.ckpt'
  classify = small_networks.load_compiled(checkpoint, 'RGB')
  assert len(lines) == 3
  for number, line in enumerate(lines):
    start = 7 * number
    logits = classify(clip[:, start : start + 9])[0]
    seconds, probability, name = line.split()
    assert seconds == f'{start / 25:.2f}-{(start + 9) / 25:.2f}'
    expected = np.exp(logits - logits.max())
    assert float(probability) == pytest.approx(
      expected.max() / expected.sum(), abs=1e-5
    )
    assert name == ['one', 'two', 'three'][logits.argmax()]
  assert 'What is shown when' in report.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    (['--stride_frames=3'], '--stride_frames: needs --window_frames'),
    (['--window_frames=9', '--sample=gone'], 'gone: no such video'),
  ],
)
def test_windows_that_cannot_be_are_refused(rgb_data, flags, message):
  result = evaluate(f'--data_dir={rgb_data}', '--eval_type=rgb', *flags)
  assert result.returncode == 1
  assert message in result.stderr
  assert result.stderr.count('\n') == 1

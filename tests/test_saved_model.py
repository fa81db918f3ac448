"""A SavedModel against the networks it was made from, without this project."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import markdown_pages
import numpy as np
import printed
import programs
import pytest
import reference
import small_networks
import tensorflow as tf

import i3d
from two_stream import errors
from two_stream.evaluation import fusion, ranking
from two_stream.networks import (
  any_weights,
  checkpoints,
  classifier,
  feature_network,
  saved_model,
)

NAMES = [f'Schütteln von {i}' for i in range(7)]
CLIPS = {
  stream: np.concatenate([clip, -clip])
  for stream in ('rgb', 'flow')
  for clip in [reference.clip(f'{stream}16')]
}
# What a user's program does, with this project and Sonnet out of reach. It
# loads the model twice: as Python does, and as TensorFlow Serving does, which
# knows graphs, sessions and signatures, but no Python objects.
USERS_PROGRAM = """
import sys
for name in ('i3d', 'two_stream', 'sonnet'):
  sys.modules[name] = None  # Importing it raises an error.
import numpy as np
import tensorflow as tf

folder, inputs, outputs = sys.argv[1:]
clips = dict(np.load(inputs))
results = {}
model = tf.saved_model.load(folder)

def keep(kind, values):
  for name, value in values.items():
    results[f'{kind}/{name}'] = np.array(np.asarray(value).tolist())

for name, compute in model.signatures.items():
  keep(name, compute(**clips))
keep('short', model.signatures['features'](**{
  stream: clip[:, :8] for stream, clip in clips.items()}))
for kind, bad in {
  'short': {stream: clip[:, :8] for stream, clip in clips.items()},
  'pixels': {**clips, 'flow': clips['flow'] * 255},
  'nan': {**clips, 'rgb': clips['rgb'] * np.nan},
  'one': {**clips, 'flow': clips['flow'][:1]},
  'none': {stream: clip[:0] for stream, clip in clips.items()},
}.items():
  try:
    model.signatures['classify'](**bad)
  except tf.errors.InvalidArgumentError as error:
    results[f'error/{kind}'] = np.array(str(error))
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
  loaded = tf.compat.v1.saved_model.load(session, ['serve'], folder)
  signature = loaded.signature_def['serving_default']
  keep('session', session.run(
    {name: info.name for name, info in signature.outputs.items()},
    {signature.inputs[name].name: clip for name, clip in clips.items()}))
np.savez(outputs, **results)
"""


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """A data directory with small networks of both streams."""
  data = tmp_path_factory.mktemp('data')
  for name in ('rgb_scratch', 'flow_scratch'):
    small_networks.write(data, name, len(NAMES))
  (data / 'label_map.txt').write_text('\n'.join(NAMES) + '\n')
  return data


def convert(*arguments, **options):
  return programs.run_script(
    'convert_checkpoint.py', *arguments, '--to=saved_model', **options
  )


@pytest.fixture(name='model', scope='module')
def convert_both(data):
  """The folder of a model of both streams, as the program writes it."""
  folder = data / 'my_model' / '1'
  result = convert(
    *('checkpoints/rgb_scratch', 'my_model/1'),
    '--flow=checkpoints/flow_scratch/model.ckpt',
    cwd=data,
  )
  assert result.returncode == 0, result.stderr
  assert result.stderr == ''
  assert result.stdout.endswith(f'written: {folder}\n')
  return folder


@pytest.fixture(name='results', scope='module')
def run_users_program(model, tmp_path_factory):
  """What a program computes with the model that has nothing but TensorFlow."""
  folder = tmp_path_factory.mktemp('elsewhere')
  np.savez(folder / 'in.npz', **CLIPS)
  subprocess.run(
    [
      *(sys.executable, '-I', '-c', USERS_PROGRAM),
      *(model, folder / 'in.npz', folder / 'out.npz'),
    ],
    cwd=folder,
    check=True,
  )
  return dict(np.load(folder / 'out.npz'))


@pytest.mark.process
def test_the_answers_are_those_of_evaluate_sample(data, results):
  logits = {
    stream: classifier.load(
      data / 'checkpoints' / f'{stream}_scratch' / 'model.ckpt', scope
    )(CLIPS[stream])
    for stream, scope in (('rgb', 'RGB'), ('flow', 'Flow'))
  }
  joint = fusion.add(logits)
  for kind in ('serving_default', 'classify', 'session'):
    np.testing.assert_allclose(
      results[f'{kind}/logits'], joint, rtol=1e-5, atol=1e-5
    )
    for clip in range(2):
      rows = ranking.top_classes(joint[clip], NAMES, 5)
      named = [name.decode() for name in results[f'{kind}/top_classes'][clip]]
      assert named == [name for _, _, name in rows]
      np.testing.assert_allclose(
        results[f'{kind}/top_probabilities'][clip],
        [probability for probability, _, _ in rows],
        rtol=1e-4,
      )
    np.testing.assert_allclose(
      results[f'{kind}/probabilities'],
      tf.nn.softmax(joint),
      rtol=1e-4,
    )


@pytest.mark.process
def test_the_features_are_those_of_the_plain_network(data, results):
  """BatchNorm is not folded there."""
  for stream, clip in CLIPS.items():
    net = i3d.InceptionI3d(len(NAMES), depth_multiplier=1 / 16)
    path = data / 'checkpoints' / f'{stream}_scratch' / 'model.ckpt'
    checkpoints.restore(net, path)
    _, outputs = net(clip, is_training=False)
    mixed = outputs['Mixed_5c']
    np.testing.assert_allclose(
      results[f'features/{stream}_pooled'],
      feature_network.pooled(mixed),
      atol=1e-5,
    )
    np.testing.assert_allclose(
      results[f'features/{stream}_logits_per_time'],
      net.logits_per_time(mixed),
      atol=1e-4,
    )
    pooled = feature_network.FeatureNetwork(path, stream, 'pooled')
    np.testing.assert_allclose(
      results[f'short/{stream}_pooled'], pooled(clip[:, :8]), atol=1e-5
    )
    assert results[f'short/{stream}_logits_per_time'].shape[:2] == (2, 0)


@pytest.mark.process
def test_clips_that_cannot_be_used_are_told(results):
  for kind, message in {
    'short': 'rgb: a clip needs at least 9 frame(s)',
    'pixels': 'flow: the values of a clip must be between -1 and 1',
    'nan': 'rgb: the values of a clip must be between -1 and 1',
    'one': 'flow: the streams have different numbers of clips',
    'none': 'rgb: there is no clip',
  }.items():
    assert message in str(results[f'error/{kind}'])


@pytest.mark.process
def test_a_model_says_what_it_is(model):
  extra = model / 'assets.extra'
  assert (extra / 'label_map.txt').read_text().splitlines() == NAMES
  described = json.loads((extra / 'networks.json').read_text())
  assert described['classes'] == len(NAMES)
  assert described['precision'] == 'float32'
  assert list(described['networks']) == ['rgb', 'flow']
  assert described['networks']['flow'] == {
    'source': "checkpoint of DeepMind's layout",
    'provenance': None,
    'notes': [],
    'channels': 2,
    'depth_multiplier': 1 / 16,
    'frames_per_second': 25,
  }


def read(data, name):
  return any_weights.read(data / 'checkpoints' / name)


@pytest.mark.slow
def test_the_python_of_the_page_runs(data, tmp_path, monkeypatch):
  """With a bfloat16 model of one stream, and the request for a server."""
  network = read(data, 'rgb_scratch')
  saved_model.write(
    {'rgb': network}, NAMES, tmp_path / 'my_model/1', {'rgb': 25}, 'bfloat16'
  )
  monkeypatch.chdir(tmp_path)
  names = {}
  for code in markdown_pages.pages()['docs/serving.md'].python:
    assert code.count('[1, 64, ') == 1
    exec(code.replace('[1, 64, ', '[1, 16, '), names)
  assert names['features'].shape == (1, 64)

  clip = CLIPS['rgb'][:1]
  serve = names['model'].signatures['classify']
  classify = classifier.Classifier(
    network.values, network.description, 'bfloat16'
  )
  np.testing.assert_allclose(
    serve(rgb=clip)['logits'], classify(clip), rtol=1e-5, atol=1e-5
  )
  # A server makes an array of the type of the input of what JSON holds.
  request = json.loads(pathlib.Path('request.json').read_text())
  inputs = serve.structured_input_signature[1]
  assert list(inputs) == ['rgb']
  instances = np.array(request['instances'], inputs['rgb'].dtype.name)
  assert inputs['rgb'].shape.is_compatible_with(instances.shape)
  answer = names['model'].signatures[request['signature_name']](rgb=instances)
  # It gives each clip its own part of every output.
  assert {output.shape[0] for output in answer.values()} == {1}


def test_a_network_of_neither_stream_is_refused(data):
  network = read(data, 'rgb_scratch')
  assert saved_model.stream_of(network, 'my.pt') == 'rgb'
  for change in ({'scope': 'Flow'}, {'channels': 4}, {'scope': 'Depth'}):
    other = dataclasses.replace(
      network, description=dataclasses.replace(network.description, **change)
    )
    with pytest.raises(errors.InputError, match='my.pt is a'):
      saved_model.stream_of(other, 'my.pt')


@pytest.mark.process
def test_what_cannot_be_converted_is_one_line(data, tmp_path):
  """Without TensorFlow, whose import takes seconds."""
  source = data / 'checkpoints' / 'rgb_scratch'
  repeated = tmp_path / 'repeated.txt'
  repeated.write_text('A\nB\nA\n')
  target = tmp_path / 'model' / '1'
  for arguments, message in (
    ([source, target, '--label_map=repeated.txt'], f'{repeated}: line 3'),
    ([repeated, target], 'lies in no data directory'),
    ([source, tmp_path], 'exists; choose another'),
  ):
    result = convert(*arguments, cwd=tmp_path)
    printed.assert_one_line_error(result, message)
  result = programs.run_script(
    'convert_checkpoint.py', source, target, '--to=pytorch', '--flow=x'
  )
  printed.assert_one_line_error(result, '--flow: is for --to=saved_model')


@pytest.mark.slow
@pytest.mark.process
def test_nothing_is_written_of_networks_that_do_not_fit(data, tmp_path):
  networks = data / 'checkpoints'
  few = tmp_path / 'few.txt'
  few.write_text('A\nB\n')
  target = tmp_path / 'model' / '1'
  small_networks.write(data, 'flow_imagenet', 3)
  for flags, message in (
    ([f'--label_map={few}'], 'has 7 classes and the label map 2 names'),
    ([f'--flow={networks}/rgb_scratch/model.ckpt'], 'has to be a Flow network'),
    ([f'--flow={networks}/flow_imagenet'], 'has 3 classes and the label map 7'),
  ):
    result = convert(networks / 'rgb_scratch', target, *flags)
    assert message in result.stderr
    assert result.returncode == 1
    assert result.stderr.count('\n') == 1
    assert not target.parent.exists()

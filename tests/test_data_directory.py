"""Finding checkpoints, label maps and samples."""

import json

import pytest

from two_stream import errors
from two_stream.evaluation import data_directory


@pytest.fixture
def data(tmp_path):
  for name in ('rgb_imagenet', 'rgb_scratch', 'flow_scratch'):
    folder = tmp_path / 'checkpoints' / name
    folder.mkdir(parents=True)
    (folder / 'model.ckpt.index').touch()
  (tmp_path / 'label_map.txt').write_text('running\njumping\n')
  return tmp_path


def test_finds_the_checkpoint_of_a_stream_and_initialization(data):
  path = data_directory.checkpoint(data, 'joint', 'flow', False)
  assert path == data / 'checkpoints' / 'flow_scratch' / 'model.ckpt'
  path = data_directory.checkpoint(data, 'rgb', 'rgb', True)
  assert path == data / 'checkpoints' / 'rgb_imagenet' / 'model.ckpt'


@pytest.mark.parametrize('imagenet_pretrained', [True, False])
def test_rgb600_is_the_kinetics_600_checkpoint(data, imagenet_pretrained):
  folder = data / 'checkpoints' / 'rgb_scratch_kin600'
  folder.mkdir()
  (folder / 'model.ckpt.index').touch()
  path = data_directory.checkpoint(data, 'rgb600', 'rgb', imagenet_pretrained)
  assert path == folder / 'model.ckpt'


def test_the_only_network_of_kinetics_600_has_a_name_of_its_own(data):
  folder = data / 'checkpoints' / 'rgb_scratch_kin600'
  folder.mkdir()
  (folder / 'model.ckpt.index').touch()
  for imagenet_pretrained in (None, False):
    (network,) = data_directory.networks(data, 'rgb600', imagenet_pretrained)
    assert network.name == 'rgb_scratch_kin600'
    assert network.stream == 'rgb'
    assert network.checkpoint == folder / 'model.ckpt'
  with pytest.raises(errors.InputError, match='leave out --imagenet_pretr'):
    data_directory.networks(data, 'rgb600', True)


def test_a_missing_checkpoint_says_what_there_is_and_where_to_get_it(data):
  with pytest.raises(errors.InputError) as error:
    data_directory.checkpoint(data, 'flow', 'flow', True)
  message = str(error.value)
  assert 'flow_imagenet/model.ckpt.index not found' in message
  assert 'has flow_scratch, rgb_imagenet, rgb_scratch' in message
  # The flags that choose what there is.
  assert '--eval_type=flow --noimagenet_pretrained' in message
  assert '--eval_type=rgb --imagenet_pretrained' in message


def test_where_there_is_no_network_deepminds_are_named(tmp_path):
  with pytest.raises(
    errors.InputError, match='git clone https://github.com/go'
  ):
    data_directory.checkpoint(tmp_path, 'flow', 'flow', True)


def test_a_data_directory_that_is_missing_is_named(tmp_path):
  with pytest.raises(errors.InputError, match='gone: no such folder'):
    data_directory.checkpoint(tmp_path / 'gone', 'flow', 'flow', True)


def test_reads_the_label_map(data):
  assert data_directory.class_names(data, 'rgb', 2) == ['running', 'jumping']


def test_a_label_map_of_another_length_is_refused(data):
  with pytest.raises(errors.InputError, match='2 class names .* 3 classes'):
    data_directory.class_names(data, 'joint', 3)


def test_a_label_map_is_read_as_strictly_as_the_records(data):
  """Both are compared, so that neither may forgive what the other does not."""
  (data / 'label_map.txt').write_text('running\njumping \n')
  with pytest.raises(
    errors.InputError, match='label_map.txt: line 2: .* blank'
  ):
    data_directory.class_names(data, 'rgb', 2)


def test_a_missing_label_map_is_named(data):
  with pytest.raises(errors.InputError, match='label_map_600.txt'):
    data_directory.class_names(data, 'rgb600', 600)


def test_the_default_sample_is_the_video_or_the_only_pair(data):
  (data / 'v_cricket_rgb.npy').touch()
  assert data_directory.default_sample(data) == data / 'v_cricket'
  (data / 'sample.webm').touch()
  assert data_directory.default_sample(data) == data / 'sample.webm'


@pytest.mark.parametrize('count', [0, 2])
def test_no_or_several_samples_ask_for_a_choice(data, count):
  for number in range(count):
    (data / f'v{number}_rgb.npy').touch()
  with pytest.raises(errors.InputError, match='choose one with --sample'):
    data_directory.default_sample(data)


@pytest.mark.parametrize('told, rate', [(12, 12), ('native', None)])
def test_the_frame_rate_is_that_of_the_records(data, told, rate):
  (data / 'parameters.json').write_text(
    json.dumps({'parameters': {'frames_per_second': told}})
  )
  assert data_directory.frames_per_second(data) == rate


def test_the_frame_rate_is_deepminds_where_nothing_is_told(data):
  assert data_directory.frames_per_second(data) == 25


@pytest.mark.parametrize(
  'content',
  [
    '',
    '{"parameters": ',
    '[' * 100_000,
    '[12]',
    '{"frames_per_second": 12}',
    '{"parameters": {}}',
    '{"parameters": {"frames_per_second": 12, "frames_per_second": 25}}',
    *(
      json.dumps({'parameters': {'frames_per_second': rate}})
      for rate in (0, -1, 1001, 12.5, '12', True, None, [12])
    ),
  ],
)
def test_a_file_that_does_not_tell_the_frame_rate_is_refused(data, content):
  (data / 'parameters.json').write_text(content)
  with pytest.raises(errors.InputError) as error:
    data_directory.frames_per_second(data)
  assert str(error.value).startswith(f'{data}/parameters.json')
  assert 'copy it again' in str(error.value)
  assert '\n' not in str(error.value)


def test_a_link_to_parameters_that_are_gone_is_not_taken_for_none(data):
  (data / 'parameters.json').symlink_to(data / 'gone')
  with pytest.raises(errors.InputError, match='parameters.json: cannot be'):
    data_directory.frames_per_second(data)


def test_networks_are_those_there_is_every_checkpoint_of(data, caplog):
  found = data_directory.networks(data, 'joint')
  checkpoints = data / 'checkpoints'
  assert found == [
    data_directory.Network(
      initialization='scratch',
      stream=stream,
      checkpoint=checkpoints / f'{stream}_scratch' / 'model.ckpt',
    )
    for stream in ('rgb', 'flow')
  ]
  assert [network.name for network in found] == ['rgb_scratch', 'flow_scratch']
  assert 'left out: checkpoint ' in caplog.text
  assert 'flow_imagenet' in caplog.text

  def initializations(*arguments):
    networks = data_directory.networks(data, *arguments)
    return [network.initialization for network in networks]

  assert initializations('rgb') == ['imagenet', 'scratch']
  assert initializations('rgb', False) == ['scratch']
  with pytest.raises(errors.InputError, match='flow_imagenet'):
    data_directory.networks(data, 'joint', True)


def test_weights_belong_to_the_data_directory_they_lie_in(data):
  checkpoints = data / 'checkpoints'
  for source in ('rgb_scratch', 'rgb_scratch/model.ckpt'):
    assert data_directory.of_weights(checkpoints / source) == (
      data,
      data / 'label_map.txt',
    )
  kinetics_600 = checkpoints / 'rgb_scratch_kin600' / 'model.ckpt'
  assert data_directory.of_weights(kinetics_600) == (
    data,
    data / 'label_map_600.txt',
  )
  # As train.py exports a network, and any file beside a label map.
  assert data_directory.of_weights(data / 'model.ckpt') == (
    data,
    data / 'label_map.txt',
  )
  assert data_directory.of_weights(data / 'elsewhere' / 'my.pt') is None

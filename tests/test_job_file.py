"""A training folder knows what it was made from and with."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import small_networks
import small_records
import small_training
import tensorflow as tf

from two_stream import errors
from two_stream.cluster import cluster_task
from two_stream.datasets import label_map
from two_stream.networks import checkpoints
from two_stream.records import record_index, shard_counts, shards
from two_stream.training import (
  evaluator,
  export,
  job_file,
  saved_checkpoints,
  sync_replicas,
  training_folder,
)

STEPS = 2
# Hyperparameter -> another value than `small_training.job` has.
OTHERS = {
  'stream': 'flow',
  'learning_rates': ((0, 0.2), (1, 0.05)),
  'replicas_to_aggregate': 2,
  'batch_size': 1,
  'num_frames': 10,
  'momentum': 0.5,
  'weight_decay': 0.01,
  'dropout_keep_prob': 1.0,
  'depth_multiplier': 1 / 8,
  'batch_norm_decay': 0.99,
  'seed': 1,
  'flip': False,
  'train_only': ('Logits',),
  'precision': 'bfloat16',
}


def classes(names):
  """What preprocessing writes of them to parameters.json."""
  text = json.dumps(list(names))
  return {
    'number': len(names),
    'sha256': hashlib.sha256(text.encode()).hexdigest(),
  }


PARAMETERS = {
  shard_counts.VERSION_KEY: shard_counts.SCHEMA_VERSION,
  'parameters': {'frames_per_second': 25, 'short_side': 256},
  'classes': classes(small_records.CLASS_NAMES),
  'train': {'videos': 5, 'shards': 2, 'sha256': 'a'},
}


def write_records(folder):
  small_records.write(folder)
  write_parameters(folder, PARAMETERS)
  return folder


def write_class_names(folder, names):
  (folder / 'label_map.txt').write_text(label_map.to_text(names))
  write_parameters(folder, {**PARAMETERS, 'classes': classes(names)})


def write_parameters(folder, content):
  text = json.dumps(content, indent=2) + '\n'
  (folder / 'parameters.json').write_text(text)


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  return write_records(tmp_path_factory.mktemp('records'))


@pytest.fixture(name='trained', scope='module')
def train(data, tmp_path_factory):
  """A folder of two steps, with its export."""
  folder = tmp_path_factory.mktemp('trained')
  job = small_training.job(data, folder, STEPS)
  assert sync_replicas.run(job, small_training.ALONE) == 0
  return folder


@pytest.fixture(name='train_dir')
def copy_trained(trained, tmp_path):
  return shutil.copytree(trained, tmp_path / 'run')


def remembered(job):
  """What the chief does before it builds the graph; the new job.json."""
  index = record_index.build(shards.find(job.records_dir, 'train'))
  checkpoint = saved_checkpoints.newest_whole(job.train_dir)
  job_file.remember(job, job_file.describe(job, index), checkpoint)
  return json.loads(pathlib.Path(job.train_dir, 'job.json').read_text())


def refused(job):
  """The one line with which a run is refused, that leaves all as it was."""
  before = files_of(job)
  with pytest.raises(errors.InputError) as caught:
    sync_replicas.run(job, small_training.ALONE)
  assert files_of(job) == before
  message = str(caught.value)
  assert '\n' not in message
  assert message.startswith(f'{job.train_dir}/job.json: ')
  assert message.endswith('; give what it was, or choose another --train_dir')
  return message


def files_of(job):
  """{name: bytes} of what is in the folder, but for TensorFlow's list."""
  return {
    path.name: path.read_bytes()
    for path in pathlib.Path(job.train_dir).iterdir()
    if path.is_file() and path.name != 'checkpoint'
  }


def test_there_is_another_value_of_every_hyperparameter():
  assert set(OTHERS) == set(
    dataclasses.asdict(small_training.job('', '').hyperparameters)
  )


@pytest.mark.parametrize('name', OTHERS)
def test_a_run_does_not_go_on_with_another(name, data, train_dir):
  job = small_training.job(data, train_dir, STEPS + 1, **{name: OTHERS[name]})
  message = refused(job)
  old = getattr(small_training.job(data, train_dir).hyperparameters, name)
  if name == 'learning_rates':
    name = 'learning_rates before step 2'
    change = "'0:0.1,1:0.05' and is '0:0.2,1:0.05'"
  else:
    written = [
      ','.join(value) if name == 'train_only' else value
      for value in (old, OTHERS[name])
    ]
    change = f'{written[0]!r} and is {written[1]!r}'
  assert f'otherwise: --{name} was {change} now; ' in message


def test_a_run_from_before_there_was_a_hyperparameter_had_the_default(
  data, train_dir
):
  path = train_dir / 'job.json'
  content = json.loads(path.read_text())
  for name in ('train_only', 'precision'):
    del content['hyperparameters'][name]
  path.write_text(json.dumps(content))
  message = refused(
    small_training.job(
      data, train_dir, train_only=('Logits',), precision='bfloat16'
    )
  )
  assert "--train_only was '' and is 'Logits' now" in message
  assert "--precision was 'float32' and is 'bfloat16' now" in message
  remembered(small_training.job(data, train_dir))


def test_all_that_changed_is_named(data, train_dir):
  message = refused(
    small_training.job(data, train_dir, batch_size=1, momentum=0.5)
  )
  assert '--batch_size was 2 and is 1 now, --momentum was 0.9' in message


def test_a_run_does_not_go_on_with_another_order_of_classes(
  data, train_dir, tmp_path
):
  other = shutil.copytree(data, tmp_path / 'other')
  first, second, third = small_records.CLASS_NAMES
  write_class_names(other, [second, first, third])
  message = refused(small_training.job(other, train_dir))
  assert f'class 0 was {first!r} and is {second!r} now, class 1' in message
  assert 'class 2' not in message


def test_a_label_map_that_is_not_that_of_the_records_is_refused(data, tmp_path):
  """Before the start, when no training folder knows another one."""
  other = shutil.copytree(data, tmp_path / 'other')
  text = label_map.to_text(small_records.CLASS_NAMES[::-1])
  (other / 'label_map.txt').write_text(text)
  with pytest.raises(errors.InputError, match='not the label map that the'):
    sync_replicas.run(
      small_training.job(other, tmp_path / 'run'), cluster_task.ClusterTask()
    )


def test_of_a_long_label_map_the_first_changes_are_named(
  data, train_dir, tmp_path
):
  other = shutil.copytree(data, tmp_path / 'other')
  names = [f'class {i}' for i in range(174)]
  write_class_names(other, names)
  message = refused(small_training.job(other, train_dir, batch_size=1))
  assert '--batch_size' in message
  assert 'number of classes was 3 and is 174 now' in message
  assert len(message) < 700


def test_a_run_does_not_go_on_with_other_data_of_as_many_classes(
  train_dir, tmp_path
):
  other = write_records(tmp_path / 'other')
  small_records.write(other, clips_by_shard=((10, 11, 12), (13, 14)))
  message = refused(small_training.job(other, train_dir))
  assert 'shards.sha256 was' in message
  assert 'shards.records' not in message


def test_a_run_does_not_go_on_at_another_frame_rate(train_dir, data, tmp_path):
  other = shutil.copytree(data, tmp_path / 'other')
  parameters = {**PARAMETERS, 'parameters': {'frames_per_second': 12}}
  write_parameters(other, parameters)
  message = refused(small_training.job(other, train_dir))
  assert 'parameters.frames_per_second was 25 and is 12 now' in message


@pytest.mark.parametrize('content', [[], {'train': 3}, {'classes': 'three'}])
def test_damaged_parameters_of_the_records_are_one_line(
  data, train_dir, tmp_path, content
):
  other = shutil.copytree(data, tmp_path / 'other')
  write_parameters(other, content)
  with pytest.raises(errors.InputError, match=r'parameters\.json: ') as error:
    job_file.describe(small_training.job(other, train_dir))
  assert '\n' not in str(error.value)


def test_a_run_goes_on_with_the_same_data_made_again(train_dir, tmp_path):
  """Elsewhere, and with more splits."""
  other = write_records(tmp_path / 'other')
  small_records.write(other, 'validation', ((5,),))
  write_parameters(
    other, {**PARAMETERS, 'validation': {'videos': 1, 'shards': 1}}
  )
  assert (
    remembered(small_training.job(other, train_dir))['shards']['records'] == 5
  )


def save_as_step_3(train_dir):
  """Writes the checkpoint of step 2 as if a step more had been done."""
  reader = tf.train.load_checkpoint(str(train_dir / 'model.ckpt-2'))
  values = {
    name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
  }
  values['global_step'] = np.int64(3)
  tf.raw_ops.SaveV2(
    prefix=str(train_dir / 'model.ckpt-3'),
    tensor_names=list(values),
    shape_and_slices=[''] * len(values),
    tensors=list(values.values()),
  )


def test_max_steps_and_rates_to_come_may_change(data, train_dir):
  rates = ((0, 0.1), (1, 0.05), (STEPS, 0.01))
  job = small_training.job(data, train_dir, 9, learning_rates=rates)
  content = remembered(job)
  assert content['max_steps'] == 9
  assert content['hyperparameters']['learning_rates'] == '0:0.1,1:0.05,2:0.01'
  # The new rates are what the folder knows now.
  old = small_training.job(data, train_dir, 9)
  save_as_step_3(train_dir)
  assert "was '0:0.1,1:0.05,2:0.01' and is '0:0.1,1:0.05'" in refused(old)


def test_a_schedule_may_be_written_in_another_way(data, train_dir):
  rates = ((0, 0.1), (1, 0.05), (4, 0.05))
  remembered(small_training.job(data, train_dir, learning_rates=rates))


def test_other_versions_are_a_warning(data, train_dir, caplog):
  path = train_dir / 'job.json'
  content = json.loads(path.read_text())
  content['versions']['tensorflow'] = '1.15.0'
  path.write_text(json.dumps(content))
  remembered(small_training.job(data, train_dir))
  assert "the version of tensorflow was '1.15.0' and is '2." in caplog.text
  assert json.loads(path.read_text())['versions']['tensorflow'] != '1.15.0'


def test_a_folder_from_before_is_adopted_with_a_warning(
  data, train_dir, caplog
):
  (train_dir / 'job.json').unlink()
  job = small_training.job(data, train_dir)
  remembered(job)
  assert f'{train_dir}: has checkpoints and no job.json' in caplog.text
  hyperparameters = dataclasses.replace(job.hyperparameters, seed=7)
  refused(dataclasses.replace(job, hyperparameters=hyperparameters))


def test_a_path_that_is_no_text_can_be_read_again(data, train_dir, tmp_path):
  folder = tmp_path / os.fsdecode(b'x\xff')
  shutil.copytree(train_dir / 'export', folder)
  (train_dir / 'job.json').unlink()
  job = dataclasses.replace(
    small_training.job(data, train_dir),
    init_checkpoint=str(folder / 'model.ckpt'),
  )
  remembered(job)
  content = remembered(job)
  assert content['init_checkpoint']['path'].endswith('x\\udcff/model.ckpt')


def test_until_the_first_checkpoint_all_may_change(data, tmp_path, caplog):
  remembered(small_training.job(data, tmp_path))
  content = remembered(small_training.job(data, tmp_path, seed=1))
  assert content['hyperparameters']['seed'] == 1
  assert not caplog.text


@pytest.mark.parametrize(
  'content',
  [
    '{"hyperparameters": {',
    '[]',
    '{}',
    '{"hyperparameters": 3}',
    '{"hyperparameters": {"learning_rates": 3}}',
    '{"hyperparameters": {"learning_rates": "0:1"}, "label_map": 3}',
    '{"hyperparameters": {"learning_rates": "0:1"}, "label_map": [], '
    '"records": []}',
    '{"hyperparameters": {"learning_rates": "0:1"}, "label_map": [], '
    '"records": {"train": 3}, "versions": {}}',
    '{"hyperparameters": {"learning_rates": "0:1"}, "label_map": []}',
    '{"hyperparameters": {"learning_rates": "0:1"}, "label_map": [], '
    '"versions": {}, "init_checkpoint": "x"}',
  ],
)
def test_a_damaged_job_file_is_one_line(data, train_dir, content):
  (train_dir / 'job.json').write_text(content)
  with pytest.raises(
    errors.InputError, match='job.json: .* remove it'
  ) as error:
    remembered(small_training.job(data, train_dir))
  assert '\n' not in str(error.value)


@pytest.fixture(name='networks', scope='module')
def make_networks(tmp_path_factory):
  """Checkpoints of two networks to start from."""
  folder = tmp_path_factory.mktemp('networks')
  return [
    str(small_networks.write(folder, name, 3))
    for name in ('rgb_imagenet', 'rgb_scratch')
  ]


def test_a_run_does_not_go_on_from_another_init_checkpoint(
  data, train_dir, networks, tmp_path, caplog
):
  """It would be told that it started from there."""
  job = small_training.job(data, train_dir)
  assert 'sha256 of --init_checkpoint was None and is' in refused(
    dataclasses.replace(job, init_checkpoint=networks[0])
  )
  (train_dir / 'job.json').unlink()
  remembered(dataclasses.replace(job, init_checkpoint=networks[0]))
  assert 'sha256 of --init_checkpoint' in refused(
    dataclasses.replace(job, init_checkpoint=networks[1])
  )
  # It is not needed any more, wherever it is now.
  copy = tmp_path / 'copy' / 'model.ckpt'
  shutil.copytree(pathlib.Path(networks[0]).parent, copy.parent)
  remembered(dataclasses.replace(job, init_checkpoint=str(copy)))
  shutil.rmtree(copy.parent)
  remembered(dataclasses.replace(job, init_checkpoint=str(copy)))
  assert f'--init_checkpoint: {copy}' in caplog.text
  content = remembered(job)
  assert content['init_checkpoint']['sha256'] == job_file.checkpoint_digest(
    networks[0]
  )


def test_a_worker_that_was_told_otherwise_is_refused(data, train_dir):
  """Also before the first checkpoint, as the chief's word counts."""
  for path in train_dir.glob('model.ckpt-*'):
    path.unlink()
  job = small_training.job(data, train_dir, batch_size=1)
  with pytest.raises(errors.InputError, match='--batch_size was 2 and is 1'):
    job_file.check(job, job_file.describe(job))
  job_file.check(
    small_training.job(data, train_dir, 9),
    job_file.describe(small_training.job(data, train_dir, 9)),
  )


def test_a_worker_need_not_see_the_folder(data, tmp_path, caplog):
  caplog.set_level('INFO')
  job = small_training.job(data, tmp_path / 'elsewhere')
  job_file.check(job, job_file.describe(job))
  assert 'elsewhere/job.json: not seen here' in caplog.text


def test_the_evaluator_is_refused_with_another_order_of_classes(
  data, train_dir, tmp_path
):
  other = shutil.copytree(data, tmp_path / 'other')
  small_records.write(other, 'validation', ((5, 6, 7),))
  write_class_names(other, small_records.CLASS_NAMES[::-1])
  with pytest.raises(errors.InputError, match="class 0 was 'Moving left'"):
    evaluator.follow(small_training.job(other, train_dir))


def test_the_export_is_a_data_directory(data, trained):
  folder = trained / 'export'
  for name in ('label_map.txt', 'parameters.json'):
    assert (folder / name).read_bytes() == (data / name).read_bytes()
  alone = checkpoints.read(folder / 'model.ckpt')
  placed = checkpoints.read(folder / 'checkpoints/rgb_scratch/model.ckpt')
  assert alone.keys() == placed.keys()
  assert all((alone[name] == value).all() for name, value in placed.items())


def test_the_export_is_of_the_checkpoint_that_this_run_made(
  data, train_dir, monkeypatch
):
  """Whatever TensorFlow's list says by then."""
  exported = []
  monkeypatch.setattr(
    export, 'write', lambda *arguments: exported.append(arguments[-1])
  )
  train_on = sync_replicas._Worker.train

  def train_and_lose_the_list(*arguments):
    last = train_on(*arguments)
    (train_dir / 'checkpoint').write_text('model_checkpoint_path: "other"')
    return last

  monkeypatch.setattr(sync_replicas._Worker, 'train', train_and_lose_the_list)
  job = small_training.job(data, train_dir, STEPS)
  assert sync_replicas.run(job, small_training.ALONE) == 0
  assert exported == [f'{train_dir}/model.ckpt-{STEPS}']


def test_records_may_be_in_a_folder_that_looks_like_a_pattern(data, tmp_path):
  strange = shutil.copytree(data, tmp_path / 'records [1]* ?\\')
  ordinary = small_training.batches_of(small_training.job(data, tmp_path), 1)
  found = small_training.batches_of(small_training.job(strange, tmp_path), 1)
  assert (found[0]['clip'].numpy() == ordinary[0]['clip'].numpy()).all()


def test_a_link_leads_to_such_a_folder(data, train_dir, tmp_path):
  strange = train_dir.rename(tmp_path / 'a [strange] *')
  train_dir.symlink_to(strange)
  training_folder.check_path(train_dir)
  job = small_training.job(data, train_dir, STEPS)
  assert (
    saved_checkpoints.newest_whole(train_dir)
    == f'{train_dir}/model.ckpt-{STEPS}'
  )
  assert remembered(job)['max_steps'] == STEPS

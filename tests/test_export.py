"""What training leaves for others at the end."""

import json

import numpy as np
import pytest
import small_networks
import small_training

from two_stream.networks import checkpoints
from two_stream.training import export

DESCRIPTION = {
  'label_map': ['a', 'b', 'c'],
  'records': {'parameters': {'short_side': 256}},
  'init_checkpoint': None,
}


@pytest.mark.parametrize(
  'init_checkpoint, name',
  [(None, 'rgb_scratch'), ({}, 'rgb_scratch')]
  + [({'path': 'i3d', 'sha256': '0'}, 'rgb_imagenet')],
)
def test_the_folder_is_named_after_what_training_started_from(
  init_checkpoint, name, tmp_path
):
  checkpoint = small_networks.write(tmp_path, 'rgb_scratch', 3)
  job = small_training.job(tmp_path, tmp_path)
  description = {**DESCRIPTION, 'init_checkpoint': init_checkpoint}
  export.write(job, description, str(checkpoint))
  folder = tmp_path / 'export'
  given = checkpoints.read(checkpoint)
  for path in ('model.ckpt', f'checkpoints/{name}/model.ckpt'):
    written = checkpoints.read(folder / path)
    assert written.keys() == given.keys()
    for variable, value in given.items():
      np.testing.assert_array_equal(written[variable], value)
  assert (folder / 'label_map.txt').read_text() == 'a\nb\nc\n'
  parameters = json.loads((folder / 'parameters.json').read_text())
  assert parameters == DESCRIPTION['records']


def test_networks_of_an_earlier_training_do_not_stay_beside_it(
  tmp_path, caplog
):
  checkpoint = small_networks.write(tmp_path, 'rgb_scratch', 3)
  job = small_training.job(tmp_path, tmp_path)
  export.write(job, DESCRIPTION, str(checkpoint))
  folder = tmp_path / 'export' / 'checkpoints'
  (folder / 'mine').mkdir()
  from_images = {**DESCRIPTION, 'init_checkpoint': {'path': 'i', 'sha256': '0'}}
  export.write(job, from_images, str(checkpoint))
  assert [*folder.glob('*/model.ckpt.index')] == [
    folder / 'rgb_imagenet' / 'model.ckpt.index'
  ]
  assert (folder / 'mine').is_dir()
  assert 'is of an earlier training: removed' in caplog.text

"""The network alone, as training leaves it for others at the end.

export/model.ckpt.*          the network in DeepMind's layout
export/checkpoints/...       the same network, so that the folder is a data
export/label_map.txt         directory, see data/README.md
export/parameters.json       how the records were made
"""

import logging
import pathlib

from two_stream import documents, recipe
from two_stream.datasets import label_map
from two_stream.networks import checkpoints
from two_stream.records import shard_folder
from two_stream.training import job_file, training_folder, training_job


def write(
  job: training_job.Job,
  description: job_file.Description,
  checkpoint: str,
) -> None:
  """Writes the network of a training checkpoint, and what belongs to it.

  Args:
    job: the job.
    description: what `job_file.remember` returned.
    checkpoint: the prefix of the training checkpoint.

  Raises:
    InputError: the checkpoint cannot be read, or the folder not be written.
  """
  folder = pathlib.Path(job.train_dir, 'export')
  folder.mkdir(exist_ok=True)
  training_folder.write(
    folder / shard_folder.LABEL_MAP,
    label_map.to_text(description['label_map']),
  )
  if 'records' in description:
    training_folder.write(
      folder / shard_folder.PARAMETERS,
      documents.to_json(description['records'], 2) + '\n',
    )
  stream = job.hyperparameters.stream
  start_from = 'imagenet' if description.get('init_checkpoint') else 'scratch'
  values = checkpoints.read(checkpoint)
  _remove_others(folder / 'checkpoints', f'{stream}_{start_from}')
  for name in ('.', f'checkpoints/{stream}_{start_from}'):
    path = folder / name / 'model.ckpt'
    checkpoints.write(values, path, recipe.STREAMS[stream].scope)
  logging.info('exported %s to %s', checkpoint, folder)


def _remove_others(folder: pathlib.Path, name: str) -> None:
  """Removes exported networks that an earlier training left here.

  They would be taken for networks of the same training.

  Args:
    folder: the folder `checkpoints` of the export.
    name: the folder in it that is about to be written.
  """
  for stream in recipe.STREAMS:
    for start_from in ('imagenet', 'scratch'):
      other = folder / f'{stream}_{start_from}'
      if other.name != name and other.is_dir():
        for path in other.glob('model.ckpt.*'):
          logging.warning('%s is of an earlier training: removed', path)
          path.unlink()

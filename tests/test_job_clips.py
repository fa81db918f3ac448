"""What a job reads."""

import small_records
import small_training

from two_stream.datasets import mirroring
from two_stream.records import record_index, shards
from two_stream.training import job_clips

NAMES = ['Moving left', 'Moving right', 'Turning left']


def test_the_hyperparameters_decide_what_is_read(tmp_path):
  small_records.write(tmp_path)
  index = record_index.build(shards.find(tmp_path, 'train'))
  job = small_training.job(tmp_path, tmp_path / 'run', stream='flow', seed=3)
  reading = job_clips.reading(job.hyperparameters, NAMES, index)
  assert (reading.stream, reading.seed) == ('flow', 3)
  assert reading.num_frames == small_training.FRAMES
  assert reading.records is index
  assert list(reading.flipped_labels) == [1, 0, mirroring.CANNOT_FLIP]


def test_without_flips_no_clip_is_flipped(caplog):
  caplog.set_level('INFO')
  job = small_training.job('records', 'run', flip=False)
  reading = job_clips.reading(job.hyperparameters, NAMES, None)
  assert set(reading.flipped_labels) == {mirroring.CANNOT_FLIP}
  job_clips.log_flips(NAMES, reading.flipped_labels)
  assert 'no clip is flipped' in caplog.text

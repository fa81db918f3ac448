"""The evaluator task: top-1 and top-5 of each new checkpoint on validation."""

import logging
import pathlib
import sys

import numpy as np
import tensorflow as tf

from two_stream import (
  accuracy,
  clips,
  errors,
  inference,
  progress,
  recipe,
  record_index,
  shards,
  split_logits,
  summaries,
)

v1 = tf.compat.v1

SPLIT = 'validation'


def follow(job):
  """Evaluates checkpoints as training writes them, until the last one.

  Those that come while one is evaluated are skipped, but for the newest.

  Args:
    job: a `sync_training.Job`.
  """
  stream = job.hyperparameters.stream
  scope = recipe.STREAMS[stream].scope
  index = record_index.build(shards.find(job.records_dir, SPLIT))
  with tf.Graph().as_default():  # The writer of TensorFlow 1 asks for one.
    writer = v1.summary.FileWriter(str(pathlib.Path(job.train_dir, 'eval')))
  for path in tf.train.checkpoints_iterator(str(job.train_dir)):
    step = int(pathlib.Path(path).name.rpartition('-')[2])
    try:
      classify = inference.classifier(path, scope)
    except errors.InputError as error:
      # Training keeps the newest few; a slow evaluator may come too late.
      logging.warning('%s', error)
    else:
      top_1, top_5 = evaluate(classify, stream, index)
      logging.info('step %d: top-1 %.4f, top-5 %.4f', step, top_1, top_5)
      shares = {'top_1': top_1, 'top_5': top_5}
      summaries.write(writer, 'validation', shares, step)
    if step >= job.max_steps:
      return


def evaluate(classify, stream, index):
  """Classifies a split with one stream.

  Args:
    classify: an `inference.classifier`.
    stream: a key of `recipe.STREAMS`.
    index: a `record_index.RecordIndex`.

  Returns:
    [top-1, top-5]: shares of the labelled clips whose label is among the one or
    five classes of the largest logits.

  Raises:
    InputError: if no clip has a label.
  """
  elements = progress.bar(
    clips.test_clips(index, stream).as_numpy_iterator(),
    total=len(index),
    unit='clip',
    disable=not sys.stderr.isatty(),
  )
  labels, logits = [], []
  for batch, batch_logits in split_logits.of_clips(classify, stream, elements):
    labels.extend(element['label'] for element in batch)
    logits.extend(batch_logits)
  shares = (
    accuracy.top_k(np.array(logits), np.array(labels)) if labels else None
  )
  if shares is None:
    raise errors.InputError(f'{index.paths[0]}...: no clip has a label')
  return shares

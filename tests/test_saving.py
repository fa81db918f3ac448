"""What is saved of a training, and when it is ended.

The training is a stand-in of one weight, whose values and losses are lists.
"""

import itertools
import threading
import time
import types

import pytest
import tensorflow as tf

from two_stream import errors
from two_stream.training import (
  checkpoint_policy,
  divergence,
  saved_checkpoints,
  saving,
  update_gate,
)

v1 = tf.compat.v1

BOUNDS = divergence.Bounds(loss=100.0, norm=1000.0)
SOUND, LARGE = 1.0, 1e6


class Network(tf.Module):
  """A network of one convolution."""

  def __init__(self):
    super().__init__('net')
    with self.name_scope, tf.name_scope('Conv/conv_3d'):
      self.w = tf.Variable([1.0, 2.0], name='w')


def stand_in(losses, weights):
  """A training whose n-th weights have the n-th loss; the last ones stay."""
  step = v1.train.get_or_create_global_step()
  network = Network()
  clips = v1.data.make_one_shot_iterator(v1.data.Dataset.range(1 << 40))
  clip = clips.get_next()

  def current(values):
    return tf.gather(values, tf.minimum(step.read_value(), len(values) - 1))

  loss = current(losses) + 0 * tf.cast(clip, tf.float32)
  with (
    tf.control_dependencies([loss]),
    tf.control_dependencies([step.assign_add(1, read_value=False)]),
  ):
    moved = network.w.assign(tf.fill([2], current(weights)), read_value=False)
    with tf.control_dependencies([moved]):
      train = step.read_value()
  return types.SimpleNamespace(
    optimizer=types.SimpleNamespace(gate=update_gate.UpdateGate()),
    graph=v1.get_default_graph(),
    network=network,
    global_step=step,
    train=train,
    measures={'loss': loss},
    bounds=BOUNDS,
    batch={'clip': clip},
  )


def train(folder, max_steps, losses=(SOUND,), weights=(1.0,), seconds=0.0):
  """Trains, with a checkpoint after every step if `seconds` is 0.

  Returns:
    The numbers of the clips that the steps took.
  """
  clips = []
  with tf.Graph().as_default():
    replica = stand_in(losses, weights)
    saver = saving.make_saver()
    hook = saving.SaveCheckpoints(replica, saver, folder, max_steps, seconds)
    with v1.train.MonitoredTrainingSession(
      checkpoint_dir=str(folder),
      scaffold=v1.train.Scaffold(
        saver=saver, local_init_op=replica.optimizer.gate.open
      ),
      hooks=[hook, v1.train.StopAtStepHook(last_step=max_steps)],
      save_checkpoint_secs=None,
      save_summaries_steps=None,
      log_step_count_steps=None,
    ) as session:
      while not session.should_stop():
        fetched = session.run([replica.train, replica.batch['clip']])
        clips.append(int(fetched[1]))
  return clips


def refusal(*args, **kwargs):
  """What a training says that is ended."""
  with pytest.raises(errors.InputError) as error:
    train(*args, **kwargs)
  return str(error.value)


def test_the_last_checkpoints_of_a_training_that_goes_well(tmp_path):
  assert train(tmp_path, 7) == list(range(7))  # Each clip is taken once.
  assert saved_checkpoints.steps_in(tmp_path) == [3, 4, 5, 6, 7]


def test_first_and_last_state_are_saved_in_any_case(tmp_path):
  train(tmp_path, 3, seconds=600)
  assert saved_checkpoints.steps_in(tmp_path) == [0, 3]


def test_a_clock_that_is_set_back_stops_no_checkpoints(tmp_path, monkeypatch):
  clock = itertools.count(time.time(), -3600)
  monkeypatch.setattr(time, 'time', lambda: next(clock))
  train(tmp_path, 3, seconds=1e-6)
  assert saved_checkpoints.steps_in(tmp_path) == [0, 1, 2, 3]


def test_a_clock_that_is_set_forward_leaves_five_checkpoints(
  tmp_path, monkeypatch
):
  """As on a machine that starts in 1970 and asks for the time later."""
  clock = itertools.count(0, 2 * 365 * 24 * 3600)
  monkeypatch.setattr(time, 'time', lambda: next(clock))
  train(tmp_path, 9)
  assert saved_checkpoints.steps_in(tmp_path) == [5, 6, 7, 8, 9]


def test_a_loss_that_jumps_and_comes_back_ends_nothing(tmp_path, caplog):
  losses = [SOUND, SOUND, *[LARGE] * divergence.PATIENCE_STEPS, SOUND]
  train(tmp_path, len(losses) + 1, losses)
  # The loss of the last weights is known once their step is taken.
  assert saved_checkpoints.steps_in(tmp_path) == [
    0,
    1,
    len(losses),
    len(losses) + 1,
  ]
  warnings = [each for each in caplog.messages if 'no checkpoint' in each]
  assert len(warnings) == 1


def test_a_loss_that_stays_large_ends_training_and_names_what_was_before(
  tmp_path,
):
  message = refusal(tmp_path, 300, [SOUND] * 7 + [LARGE])
  # Step 8 is the first whose gradient was taken there.
  assert message.startswith(f'step {8 + divergence.PATIENCE_STEPS}: the loss')
  assert (
    f'{tmp_path}/model.ckpt-6 is the last checkpoint from before; lower '
    '--learning_rates from step 6 on' in message
  )
  assert saved_checkpoints.steps_in(tmp_path) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
  'value, reason',
  [
    (float('inf'), 'net/Conv/conv_3d/w is not finite'),
    (float('nan'), 'net/Conv/conv_3d/w is not finite'),
    (BOUNDS.norm, 'the norm of the weights is 1.41e+03'),
  ],
)
def test_bad_weights_with_a_good_loss_are_never_saved(value, reason, tmp_path):
  message = refusal(tmp_path, 9, weights=[1.0, 1.0, value])
  assert message.startswith(f'step 2: {reason}')
  assert f'{tmp_path}/model.ckpt-1 is the last checkpoint' in message
  assert saved_checkpoints.steps_in(tmp_path) == [0, 1]


def test_bad_weights_with_a_large_loss_end_training_at_once(tmp_path):
  weights = [1.0, 1.0, BOUNDS.norm]
  message = refusal(tmp_path, 9, [SOUND, SOUND, LARGE], weights, seconds=600)
  assert message.startswith('step 3: the norm of the weights')
  assert f'{tmp_path}/model.ckpt-0 is the last checkpoint' in message


def test_an_emergency_while_the_last_loss_is_computed_saves(
  tmp_path, monkeypatch
):
  """A loss may take longer than the time between SIGTERM and SIGKILL."""
  hooks, ends = [], []
  original_begin = saving.SaveCheckpoints.begin
  monkeypatch.setattr(
    saving.SaveCheckpoints,
    'begin',
    lambda hook: (hooks.append(hook), original_begin(hook)),
  )
  original_end = saving.SaveCheckpoints.end
  monkeypatch.setattr(
    saving.SaveCheckpoints,
    'end',
    lambda hook, session: (ends.append(session), original_end(hook, session)),
  )

  def save_last(policy, state):
    del policy, state
    thread = threading.Thread(target=hooks[0].save_now, args=(ends[0],))
    thread.start()
    thread.join(60)

  monkeypatch.setattr(
    checkpoint_policy.CheckpointPolicy, 'save_last', save_last
  )
  train(tmp_path, 3, seconds=600)
  assert saved_checkpoints.steps_in(tmp_path) == [0, 3]


def test_a_last_state_of_large_loss_is_not_saved(tmp_path):
  message = refusal(tmp_path, 3, [SOUND, SOUND, SOUND, LARGE])
  assert message.startswith('step 3: the loss is 1e+06')
  assert saved_checkpoints.steps_in(tmp_path) == [0, 1, 2]


def test_a_folder_whose_newest_checkpoint_is_bad_leads_back_to_older_ones(
  tmp_path,
):
  """Such as one that was written by an earlier version."""
  train(tmp_path, 4)
  message = refusal(tmp_path, 300, [LARGE])
  assert f'{tmp_path}/model.ckpt-4, with which this run began, is' in message
  assert f'{tmp_path}/model.ckpt-3 is the last checkpoint' in message
  for path in tmp_path.glob('model.ckpt-4.*'):
    path.unlink()
  saved_checkpoints.newest_whole(tmp_path)
  train(tmp_path, 4)
  assert saved_checkpoints.steps_in(tmp_path) == [0, 1, 2, 3, 4]


def test_a_finished_training_that_is_bad_is_refused_when_run_again(tmp_path):
  train(tmp_path, 4)
  assert 'is no better' in refusal(tmp_path, 4, [LARGE])


def test_first_weights_that_are_bad_are_to_be_exchanged(tmp_path):
  message = refusal(tmp_path, 300, [LARGE])
  assert 'begin with others, in another --train_dir' in message

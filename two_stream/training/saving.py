"""The chief saves checkpoints: at the start, from time to time, at the end.

TensorFlow's own hook goes by the wall clock, which may be set back, and saves
whatever there is. This one goes by the monotonic clock and saves only what it
has looked at; divergence.py has the rule.
"""

import logging
import pathlib
import time

from tensorflow.compat import v1

from two_stream import errors
from two_stream.training import divergence, initial_weights

# So many minibatches in a row must give too large a loss before the last state
# is given up.
_LAST_LOOKS = 10


def make_saver():
  """Makes the tf.compat.v1.train.Saver of all variables of the graph.

  It keeps the five newest checkpoints, whatever the clock says, and lists them
  by relative paths, so that the folder can be moved.
  """
  return v1.train.Saver(
    max_to_keep=5,
    # By default another one from time to time, by the wall clock.
    keep_checkpoint_every_n_hours=float('inf'),
    save_relative_paths=True,
  )


class SaveCheckpoints(v1.train.SessionRunHook):
  """Saves the state of training, and ends it when it has gone wrong.

  The loss of a step is that of the weights before it. So the loss of the very
  weights that are to be saved is computed first, on the clips of the next step,
  which then takes these clips too: training is the same with and without.
  """

  def __init__(self, replica, saver, train_dir, max_steps, seconds):
    """Makes the hook.

    Args:
      replica: a `training_graph.TrainingGraph`.
      saver: a tf.compat.v1.train.Saver of all its variables.
      train_dir: where to save.
      max_steps: after how many steps training ends.
      seconds: time between checkpoints.
    """
    self._replica = replica
    self._gate = replica.optimizer.gate
    self._saver = saver
    self._train_dir = train_dir
    self._max_steps = max_steps
    self._seconds = seconds
    self._saved = None  # Step of the newest checkpoint.
    self._sound = None  # Step of the newest whose loss was within its bound.
    self._large_since = None  # Step from which on the loss was beyond it.
    self._due = 0.0  # On the monotonic clock.

  @property
  def newest(self):
    """Prefix of the newest checkpoint that is of this training."""
    return initial_weights.checkpoint_path(self._train_dir, self._saved)

  def begin(self):
    """Makes the last ops of the graph."""
    self._step = self._replica.global_step.read_value()
    self._look = divergence.Look(
      self._replica.network, self._replica.bounds.norm
    )

  def after_create_session(self, session, coord):
    """Saves what training starts from, unless that is a checkpoint itself."""
    del coord
    step = int(session.run(self._step))
    is_known_to_be_sound = step == self._sound
    if step in initial_weights.saved_steps(self._train_dir):
      self._saved = step
    self._save(session, step)
    if not is_known_to_be_sound:
      self._sound = None
    self._large_since = None

  def before_run(self, run_context):
    """Saves if it is time to."""
    batch = {}
    if time.monotonic() >= self._due and self._large_since is None:
      with self._gate.held(run_context.session):
        batch = self._save_if_sound(run_context.session)
    fetched = [self._replica.measures['loss'], self._replica.train]
    return v1.train.SessionRunArgs(fetched, batch)

  def after_run(self, run_context, run_values):
    """Judges the loss of the step."""
    loss, step = run_values.results
    if loss <= self._replica.bounds.loss:
      self._large_since = None
      if self._sound is None:  # The first loss, of what training began with.
        self._sound = self._saved
      return
    self._refuse_bad_variables(run_context.session, step)
    if self._large_since is None:
      self._large_since = step
      logging.warning(
        'step %d: %s; no checkpoint before it is smaller',
        *(step, divergence.too_large(loss, self._replica.bounds)),
      )
    if step - self._large_since >= divergence.PATIENCE_STEPS:
      reason = divergence.too_large(loss, self._replica.bounds)
      self._refuse(step, f'{reason}, for {divergence.PATIENCE_STEPS} steps')

  def end(self, session):
    """Saves the last state."""
    with self._gate.held(session):
      self._save_last(session)

  def _save_last(self, session):
    step = int(session.run(self._step))
    if step == self._sound:
      return
    self._refuse_bad_variables(session, step)
    for _ in range(_LAST_LOOKS):
      loss = session.run(self._replica.measures['loss'])
      if loss <= self._replica.bounds.loss:
        self._save(session, step)
        return
    reason = divergence.too_large(loss, self._replica.bounds)
    if step >= self._max_steps:
      self._refuse(step, reason)
    logging.warning('step %d is not saved: %s', step, reason)

  def save_now(self, session):
    """Saves from another thread, while the main one waits for a step.

    There is no time for a look at the loss.
    """
    try:
      with self._replica.graph.as_default(), self._gate.held(session, 5):
        step = int(session.run(self._step))
        reason = self._look(session)
        if self._large_since is not None:
          reason = 'its loss is too large'
        if reason:
          logging.warning('step %d is not saved: %s', step, reason)
        else:
          self._save(session, step)
    except RuntimeError:  # The session is closed: it saved as it ended.
      return

  def advice(self):
    """How to go on after this training has gone wrong."""
    return divergence.advice(self._train_dir, self._sound)

  def _save_if_sound(self, session):
    """Saves if the loss allows it, and the last checkpoint is not as new.

    Returns:
      What to feed the next step with: the clips that the loss is of, if it was
      computed.
    """
    step = int(session.run(self._step))
    if step == self._saved:
      return {}
    self._refuse_bad_variables(session, step)
    values = session.run(self._replica.batch)
    batch = {self._replica.batch[name]: values[name] for name in values}
    loss = session.run(self._replica.measures['loss'], batch)
    if loss <= self._replica.bounds.loss:
      self._save(session, step)
    return batch

  def _save(self, session, step):
    if step != self._saved:
      path = str(pathlib.Path(self._train_dir, 'model.ckpt'))
      self._saver.save(session, path, step, write_meta_graph=False)
    self._saved = self._sound = step
    self._due = time.monotonic() + self._seconds

  def _refuse_bad_variables(self, session, step):
    if reason := self._look(session):
      self._refuse(step, reason)

  def _refuse(self, step, reason):
    raise errors.InputError(f'step {step}: {reason}. {self.advice()}')

"""The flags of a task's share are read with the environment."""

import sys

from absl import flags

from two_stream.preprocessing import task_flags


def test_the_share_is_that_of_the_flags_or_of_the_environment(monkeypatch):
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(sys.argv[:1])
  monkeypatch.setattr(task_flags, 'FLAGS', flags.FLAGS)
  monkeypatch.setenv('JOB_COMPLETION_INDEX', '2')
  monkeypatch.setitem(flags.FLAGS['num_tasks'].__dict__, '_value', 4)
  assert task_flags.share() == (2, 4)

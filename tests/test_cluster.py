"""Who is who in a job, and who does not answer."""

import json

import pytest

from two_stream import cluster, errors


def test_tf_config_with_and_without_a_chief_gives_the_same_cluster():
  jobs = {'chief': ['a:1'], 'worker': ['b:1', 'c:1'], 'ps': ['p:1']}
  with_chief = cluster.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 0}})
  )
  jobs = {'worker': ['a:1', 'b:1', 'c:1'], 'ps': ['p:1']}
  without = cluster.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 1}})
  )
  assert with_chief == without._replace(chief_apart=True)
  assert without == cluster.from_hosts(
    ['p:1'], ['a:1', 'b:1', 'c:1'], 'worker', 1
  )
  assert not with_chief.is_chief


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"cluster": 1, "task": 2}'])
def test_a_tf_config_that_is_none_is_refused(text):
  with pytest.raises(errors.InputError, match='TF_CONFIG'):
    cluster.from_tf_config(text)


def test_a_task_that_does_not_exist_is_refused():
  with pytest.raises(errors.InputError, match='no worker 2 among 2'):
    cluster.from_hosts(['p:1'], ['a:1', 'b:1'], 'worker', 2)


def test_tasks_that_do_not_answer_are_named():
  place = cluster.Cluster(('127.0.0.1:1',), ('127.0.0.1:2',))
  assert cluster.missing_tasks(place) == [
    'ps 0 (127.0.0.1:1)',
    'worker 0 (127.0.0.1:2)',
  ]


def test_tasks_are_named_as_the_job_names_them():
  jobs = {
    'chief': ['127.0.0.1:1'],
    'worker': ['127.0.0.1:2', '127.0.0.1:3'],
    'ps': ['127.0.0.1:4'],
  }
  config = {'cluster': jobs, 'task': {'type': 'chief', 'index': 0}}
  place = cluster.from_tf_config(json.dumps(config))
  assert cluster.missing_tasks(place) == [
    'ps 0 (127.0.0.1:4)',
    'chief 0 (127.0.0.1:1)',
    'worker 0 (127.0.0.1:2)',
    'worker 1 (127.0.0.1:3)',
  ]

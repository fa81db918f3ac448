"""Who is who in a job, and who does not answer."""

import dataclasses
import json

import pytest

from two_stream import errors
from two_stream.cluster import cluster_task


def test_tf_config_with_and_without_a_chief_gives_the_same_cluster():
  jobs = {'chief': ['a:1'], 'worker': ['b:1', 'c:1'], 'ps': ['p:1']}
  with_chief = cluster_task.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 0}})
  )
  jobs = {'worker': ['a:1', 'b:1', 'c:1'], 'ps': ['p:1']}
  without = cluster_task.from_tf_config(
    json.dumps({'cluster': jobs, 'task': {'type': 'worker', 'index': 1}})
  )
  assert with_chief == dataclasses.replace(without, has_chief_job=True)
  assert without == cluster_task.from_hosts(
    ['p:1'], ['a:1', 'b:1', 'c:1'], 'worker', 1
  )
  assert not with_chief.is_chief


JOBS = {'chief': ['a:1'], 'worker': ['b:1', 'c:1'], 'ps': ['p:1']}
CHIEF = {'type': 'chief', 'index': 0}


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'line 1 is not JSON'),
    ('[]', 'is not an object'),
    ('{}', '"cluster" is not an object'),
    ('{"cluster": 1, "task": 2}', '"cluster" is not an object'),
    ('{"cluster": {}, "task": ["chief", 0]}', '"task" is not an object'),
    ('{"cluster": {}, "cluster": {}}', 'stands twice'),
    ('{"cluster": {"chief": ["\udc80:1"]}}', 'half of a surrogate pair'),
    *(
      (json.dumps({'cluster': {**JOBS, **change}, 'task': CHIEF}), message)
      for change, message in (
        ({'master': ['m:1']}, "job 'master' is none of chief, worker"),
        ({'ps': 'p:1'}, "'ps' is not a list"),
        ({'ps': {'0': 'p:1'}}, "'ps' is not a list"),
        ({'ps': None}, "'ps' is not a list"),
        ({'chief': ['a:1', 'd:1']}, 'more than one chief'),
        ({'ps': [['p:1']]}, r"\['p:1'\] is not host:port"),
        *(
          ({'ps': [address]}, 'is not host:port')
          for address in (
            *('p', ':1', 'p:', 'p:x', 'p:0', 'p:-1', 'p:65536', 'p:99999'),
            *('p: 1', 'p :1', 'p:1,q:1', 'p:\u0661', 'p\n:1', 'p:1_0', 'p:01'),
            *('a/b:1', 'grpc://p:1', 1, None, True, '[::1:1', 'é:1', 'p:1\n'),
          )
        ),
        ({'ps': ['p:1', 'b:1']}, "'b:1' stands twice"),
      )
    ),
    *(
      (json.dumps({'cluster': JOBS, 'task': task}), message)
      for task, message in (
        ({'index': 0}, 'job None is none of chief, worker, ps, evaluator'),
        ({'type': 'chief'}, '"index": None is not a whole number'),
        ({'type': ['chief'], 'index': 0}, r"job \['chief'\] is none of"),
        ({'type': 'x', 'index': 0}, "job 'x' is none of"),
        ({'type': 'worker', 'index': 2}, 'there is no worker 2 among 2'),
        ({'type': 'ps', 'index': 1}, 'there is no ps 1 among 1'),
        ({'type': 'chief', 'index': 1}, 'there is no chief 1 among 1'),
        *(
          ({'type': 'worker', 'index': index}, 'is not a whole number')
          for index in (
            -1,
            0.0,
            True,
            None,
            '-1',
            ' 1',
            '1_0',
            '\u0661',
            10**30,
          )
        ),
      )
    ),
  ],
)
def test_a_tf_config_that_cannot_be_used_is_refused(text, message):
  with pytest.raises(errors.InputError, match=f'^TF_CONFIG.*{message}'):
    cluster_task.from_tf_config(text)


def test_a_tf_config_may_say_more_than_is_read():
  config = {'cluster': {**JOBS, 'evaluator': ['e:1']}, 'environment': 'cloud'}
  config['task'] = {'type': 'worker', 'index': '1', 'trial': '1'}
  task = cluster_task.from_tf_config(json.dumps(config))
  assert (task.job_name, task.task_index) == ('worker', 2)
  assert task.worker_hosts == ('a:1', 'b:1', 'c:1')


def test_addresses_may_be_numbers():
  task = cluster_task.from_hosts(['10.0.0.1:65535'], ['[fe80::1]:1'], 'ps', 0)
  assert task.worker_hosts == ('[fe80::1]:1',)


@pytest.mark.parametrize('index', [-1, 2])
def test_a_task_that_does_not_exist_is_refused(index):
  with pytest.raises(errors.InputError, match=f'no worker {index} among 2'):
    cluster_task.from_hosts(['p:1'], ['a:1', 'b:1'], 'worker', index)


@pytest.mark.parametrize(
  ('job_name', 'index'), [('worker', 1), ('worker', -1), ('ps', 0)]
)
def test_a_job_of_one_process_has_no_other_task(job_name, index):
  """It would wait for ever for a chief."""
  with pytest.raises(
    errors.InputError, match=f'there is no {job_name} {index}'
  ):
    cluster_task.from_hosts([], [], job_name, index)
  assert cluster_task.from_hosts([], [], 'worker', 0).is_chief


def test_addresses_of_flags_are_looked_at_too():
  with pytest.raises(errors.InputError, match="^--ps_hosts.*'p' is not host"):
    cluster_task.from_hosts(['p'], ['a:1'], 'worker', 0)


def test_tasks_that_do_not_answer_are_named():
  task = cluster_task.ClusterTask(
    ps_hosts=('127.0.0.1:1',), worker_hosts=('127.0.0.1:2',)
  )
  assert cluster_task.missing_tasks(task) == [
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
  task = cluster_task.from_tf_config(json.dumps(config))
  assert cluster_task.missing_tasks(task) == [
    'ps 0 (127.0.0.1:4)',
    'chief 0 (127.0.0.1:1)',
    'worker 0 (127.0.0.1:2)',
    'worker 1 (127.0.0.1:3)',
  ]

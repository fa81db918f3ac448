"""Whatever files, flags and the environment say, it is read or refused.

Each reader is tried on a hundred texts, the same every time. Its slow test
tries so many that it takes a minute or more, and others every time.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import fuzzed_lists
import fuzzing
import pytest
from hypothesis import strategies as st

from two_stream import documents, errors, recipe
from two_stream.cluster import cluster_task, tf_config
from two_stream.datasets import (
  data_set,
  label_map,
  mirroring,
  something_something,
)
from two_stream.evaluation import data_directory
from two_stream.preprocessing import flag_values, task_share
from two_stream.video import resampling

FEW = 100

DIGITS = st.integers(0, 3).map(str)
COUNTS = st.integers(1, 3).map(str)
IDS = st.one_of(
  st.integers(0, 300_000).map(str), st.sampled_from(['1', 'x-1', '../x'])
)
NAMES = st.sampled_from(
  ['a', 'b', 'c d', '[e] f', 'turn left', 'turn right', 'é', 'TurnLEFT']
)


def class_indices():
  """The content of labels.json."""
  keys = st.lists(
    fuzzing.rarely(NAMES, fuzzing.texts()), unique=True, max_size=5
  )
  return keys.flatmap(
    lambda names: fuzzing.objects(
      fuzzing.values(),
      {name: st.sampled_from([i, str(i)]) for i, name in enumerate(names)},
    )
  )


def entries():
  """The content of train.json or test.json."""
  entry = fuzzing.objects(fuzzing.values(), {'id': IDS, 'template': NAMES})
  return fuzzing.rarely(fuzzing.lists(entry), fuzzing.values())


def answers():
  """The text of test-answers.csv."""
  row = st.tuples(IDS, NAMES).map(';'.join)
  return text_of(fuzzing.lists(fuzzing.rarely(row, fuzzing.texts())))


def label_maps():
  """The text of label_map.txt."""
  return text_of(fuzzing.lists(fuzzing.rarely(NAMES, fuzzing.texts())))


def text_of(lines):
  """The text of a strategy's lines, or one that was damaged."""
  return fuzzing.damaged(
    lines.map(lambda each: ''.join(f'{line}\n' for line in each))
  )


def parameters():
  """The content of parameters.json."""
  odd = fuzzing.values()
  rate = st.sampled_from([1, 12, 25, 1000, 'native'])
  settings = fuzzing.objects(odd, {'frames_per_second': rate})
  return fuzzing.objects(odd, {'parameters': settings})


def tf_configs():
  """The content of TF_CONFIG."""
  odd = fuzzing.values()
  address = lambda *likely: fuzzing.lists(
    fuzzing.rarely(st.sampled_from(likely), fuzzing.texts())
  )
  jobs = {
    'chief': st.sampled_from([[], ['a:1']]),
    'worker': address('b:2', 'c:3', '[::1]:4', '10.0.0.1:65535'),
    'ps': address('p:1', 'q.r-s:2'),
  }
  task = {
    'type': st.sampled_from(tf_config.JOB_NAMES),
    'index': st.sampled_from([0, 0, 1, '1']),
  }
  return fuzzing.objects(
    odd,
    {'cluster': fuzzing.objects(odd, jobs), 'task': fuzzing.objects(odd, task)},
  )


def environments(**variables):
  """Environment variables."""
  return fuzzing.objects(fuzzing.texts(), variables)


def schedules():
  """The text of --learning_rates."""
  steps = st.lists(st.integers(1, 200_000), max_size=3).map(sorted)
  rate = fuzzing.rarely(st.floats(0, 1).map(str), fuzzing.texts())
  return fuzzing.damaged(
    st.builds(
      lambda steps, rates: ','.join(
        f'{step}:{rate}' for step, rate in zip([0, *steps], rates)
      ),
      steps,
      st.lists(rate, min_size=1, max_size=4),
    )
  )


def parse_json(text):
  """Parses JSON, and makes sure that the line of what is refused is found."""
  try:
    return documents.parse_json(text, 'x')
  except errors.InputError as error:
    assert str(error).startswith(('x: line ', 'x: nested too deeply'))
    raise


def read_answers(folder):
  (folder / 'test.json').write_text('[{"id": "1"}, {"id": "2"}]')
  return something_something.read_samples(folder, 'test')


def read_array_task(environ):
  return task_share.find(
    None,
    None,
    {f'SLURM_ARRAY_TASK_{name}': value for name, value in environ.items()},
  )


def check_json(value):
  text = json.dumps(value, ensure_ascii=False, allow_nan=False)
  assert documents.parse_json(text, 'again') == value
  text.encode()


def check_class_names(names):
  assert names and len(set(names)) == len(names)
  for name in names:
    assert name.isprintable() and name == name.strip() != ''
  assert label_map.to_text(names).splitlines() == names
  for image in mirroring.flipped_labels(names):
    assert image == mirroring.CANNOT_FLIP or 0 <= image < len(names)


def check_samples(samples):
  assert len({sample.id for sample in samples}) == len(samples)
  for sample in samples:
    sample.id.encode()
    assert sample.label is None or not set(sample.label) & set('[]')


def check_id(sample_id):
  sample_id.encode()
  assert not set(sample_id) & set('\0\n\r\t\x1b\u202e\u2028')


def check_frame_rate(rate):
  assert rate is None or 1 <= rate <= resampling.MAX_FRAMES_PER_SECOND


def check_cluster_task(task):
  for address in task.ps_hosts + task.worker_hosts:
    host, _, port = address.rpartition(':')
    assert host.isprintable() and ' ' not in host
    assert 1 <= int(port) <= tf_config.MAX_PORT
  if task.job_name != 'evaluator':
    workers = task.worker_hosts or ['alone']
    tasks = task.ps_hosts if task.job_name == 'ps' else workers
    assert 0 <= task.task_index < len(tasks)
    assert not task.ps_hosts or task.worker_hosts


def check_rates(rows):
  steps, rates = zip(*rows)
  assert steps[0] == 0 and list(steps) == sorted(set(steps))
  assert steps[-1] < 2**63
  assert all(0 <= rate < 3.5e38 for rate in rates)


def check_task(task):
  index, count = task
  assert 0 <= index < count


class Reader(NamedTuple):
  """A reader of foreign text.

  Attributes:
    read: the function, of an input, or of a folder if it reads a file.
    inputs: the strategy of the inputs, bytes for a file.
    check: a function of what `read` returned, which asserts what was promised.
    many: so many inputs take a minute or more.
    file: name of the file in the folder; None: it reads no file.
  """

  read: Callable
  inputs: st.SearchStrategy
  check: Callable
  many: int
  file: str | None = None


def json_file(name, read, content, check, many):
  texts = fuzzing.json_texts(content)
  return Reader(read, fuzzing.files(texts), check, many, name)


READERS = {
  'JSON': Reader(
    parse_json,
    st.one_of(fuzzing.json_texts(fuzzing.values()), fuzzing.texts()),
    check_json,
    50_000,
  ),
  'labels.json': json_file(
    'labels.json',
    something_something.read_class_names,
    class_indices(),
    check_class_names,
    15_000,
  ),
  'train.json': json_file(
    'train.json',
    lambda folder: something_something.read_samples(folder, 'train'),
    entries(),
    check_samples,
    30_000,
  ),
  'test.json': json_file(
    'test.json',
    lambda folder: something_something.read_samples(folder, 'test'),
    entries(),
    check_samples,
    30_000,
  ),
  'test-answers.csv': Reader(
    read_answers,
    fuzzing.files(answers()),
    check_samples,
    30_000,
    'test-answers.csv',
  ),
  'label_map.txt': Reader(
    lambda folder: label_map.read(folder / 'label_map.txt'),
    fuzzing.files(label_maps()),
    check_class_names,
    35_000,
    'label_map.txt',
  ),
  'parameters.json': json_file(
    'parameters.json',
    data_directory.frames_per_second,
    parameters(),
    check_frame_rate,
    40_000,
  ),
  'TF_CONFIG': Reader(
    cluster_task.from_tf_config,
    fuzzing.json_texts(tf_configs()),
    check_cluster_task,
    35_000,
  ),
  'Slurm': Reader(
    lambda environ: cluster_task.from_tf_config(tf_config.from_slurm(environ)),
    environments(
      NODES=st.sampled_from(['a', 'a\nb\n', 'a b c', 'a a', ' ']),
      WORKERS_PER_NODE=COUNTS,
      PS_PER_NODE=COUNTS,
      FIRST_PORT=st.integers(1, 65_540).map(str),
      SLURM_NODEID=st.sampled_from(['0', '0', '1']),
      SLURM_LOCALID=DIGITS,
    ),
    check_cluster_task,
    60_000,
  ),
  'Kubernetes': Reader(
    lambda environ: cluster_task.from_tf_config(
      tf_config.from_kubernetes(environ)
    ),
    environments(
      SERVICE=st.just('i3d'),
      ROLE=st.sampled_from(tf_config.JOB_NAMES),
      NUM_WORKERS=COUNTS,
      NUM_PS=COUNTS,
      JOB_COMPLETION_INDEX=DIGITS,
    ),
    check_cluster_task,
    60_000,
  ),
  'Slurm array': Reader(
    read_array_task,
    environments(ID=DIGITS, MIN=DIGITS, STEP=COUNTS, COUNT=COUNTS),
    check_task,
    60_000,
  ),
  '--learning_rates': Reader(
    recipe.parse_learning_rates, schedules(), check_rates, 60_000
  ),
  '--fps': Reader(
    flag_values.frames_per_second,
    st.one_of(st.integers(0, 2000).map(str), fuzzing.texts()),
    check_frame_rate,
    100_000,
  ),
  'id': Reader(
    data_set.check_id,
    fuzzing.damaged(st.one_of(IDS, fuzzing.texts())),
    check_id,
    100_000,
  ),
  **{
    f'list of {name}': Reader(
      each.read,
      fuzzing.files(each.text),
      fuzzed_lists.check,
      6_000,
      each.file,
    )
    for name, each in fuzzed_lists.LISTS.items()
  },
}


def attempt(reader, folder, num_examples):
  """Tries a reader on many inputs, of which it reads some and refuses some."""

  def write_and_read(content):
    (folder / reader.file).write_bytes(content)
    return reader.read(folder)

  num_read, num_refused = fuzzing.run(
    write_and_read if reader.file else reader.read,
    reader.inputs,
    reader.check,
    num_examples,
  )
  assert min(num_read, num_refused) > FEW / 10


@pytest.mark.parametrize('name', READERS)
def test_foreign_text_is_read_or_refused(tmp_path, name):
  attempt(READERS[name], tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize('name', READERS)
def test_foreign_text_is_read_or_refused_for_a_minute(tmp_path, name):
  attempt(READERS[name], tmp_path, READERS[name].many)

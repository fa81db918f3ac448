"""A folder of videos becomes shards, whatever goes wrong on the way."""

import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pool_tasks
import programs
import pytest
import small_videos

from two_stream import errors
from two_stream.datasets import label_map, something_something
from two_stream.preprocessing import clip_settings, many_videos, task_share
from two_stream.records import framing, schema, shard_folder, shards, tfrecords

pytestmark = pytest.mark.process

CLASSES = ['Dropping something', 'Holding something']
NUM_GOOD = 7
SHARD_SIZE = 4
WAIT = 100  # Seconds until a process that should have ended is given up.


def entry(number, label=None):
  label = label or CLASSES[number % 2]
  return {'id': str(number), 'template': label.replace('some', '[some') + ']'}


def write_labels(folder, train, validation=()):
  folder.mkdir(exist_ok=True)
  class_indices = {name: str(i) for i, name in enumerate(CLASSES)}
  (folder / 'labels.json').write_text(json.dumps(class_indices))
  (folder / 'train.json').write_text(json.dumps(list(train)))
  (folder / 'validation.json').write_text(json.dumps(list(validation)))


@pytest.fixture(name='good', scope='module')
def make_good_videos(tmp_path_factory):
  """Videos 0 to 6; the last one is the validation split."""
  folder = tmp_path_factory.mktemp('good')
  (folder / 'videos').mkdir()
  for i in range(NUM_GOOD):
    small_videos.write_video(
      folder / 'videos' / f'{i}.webm',
      small_videos.textured_frames(6 + i, seed=i),
    )
  write_labels(
    folder / 'labels', map(entry, range(NUM_GOOD - 1)), [entry(NUM_GOOD - 1)]
  )
  return folder


SMALL = clip_settings.Settings(short_side=48)


def make_job(data, output_dir, **changes):
  arguments = {
    'data_set': something_something.read(
      data / 'labels', ('train', 'validation')
    ),
    'videos_dir': data / 'videos',
    'output_dir': output_dir,
    'num_workers': 2,
    'settings': SMALL,
    'shard_size': SHARD_SIZE,
    'video_timeout': WAIT,
    **changes,
  }
  return many_videos.PreprocessingJob(**arguments)


@pytest.fixture(name='undisturbed', scope='module')
def preprocess_good_videos(good, tmp_path_factory):
  """The shards of the good videos, made in one go by one worker."""
  folder = tmp_path_factory.mktemp('undisturbed')
  job = make_job(good, folder, num_workers=1)
  summary, num_failed = many_videos.run(job)
  assert num_failed == 0
  assert summary['splits']['train']['clips'] == NUM_GOOD - 1
  assert summary['splits']['validation']['clips'] == 1
  return folder


def shard_bytes(folder):
  paths = pathlib.Path(folder).glob('*.tfrecord')
  return {path.name: path.read_bytes() for path in paths}


def clips_of(folder, split):
  """Reads a split: id -> record."""
  found = {}
  for path in shards.find(folder, split):
    for serialized in tfrecords.read_shard(path):
      record = tfrecords.deserialize(serialized)
      found[record.context[schema.ID][0].decode()] = record
  return found


def failures_of(folder):
  lines = (folder / 'failures.jsonl').read_text().splitlines()
  return {line['id']: line['reason'] for line in map(json.loads, lines)}


def test_shards_hold_the_clips_with_their_labels(undisturbed):
  clips = clips_of(undisturbed, 'train')
  assert set(clips) == {str(i) for i in range(NUM_GOOD - 1)}
  for sample_id, record in clips.items():
    index = int(sample_id) % 2
    assert record.context[schema.LABEL_INDEX] == [index]
    assert record.context[schema.LABEL_STRING] == [CLASSES[index].encode()]
    num_frames = 6 + int(sample_id)
    assert len(record.feature_lists[schema.RGB_ENCODED]) == num_frames
    assert len(record.feature_lists[schema.FLOW_ENCODED]) == num_frames - 1
  assert set(clips_of(undisturbed, 'validation')) == {str(NUM_GOOD - 1)}
  assert label_map.read(undisturbed / 'label_map.txt') == CLASSES
  assert failures_of(undisturbed) == {}


def test_shards_are_the_same_whatever_the_number_of_workers(
  good, undisturbed, tmp_path
):
  many_videos.run(make_job(good, tmp_path, num_workers=3))
  assert shard_bytes(tmp_path) == shard_bytes(undisturbed)


def test_tasks_share_the_shards_without_overlap(good, undisturbed, tmp_path):
  written = []
  for task_index in range(3):
    before = set(shard_bytes(tmp_path))
    share = task_share.TaskShare(task_index, 3)
    job = make_job(good, tmp_path, share=share)
    many_videos.run(job)
    written.append(set(shard_bytes(tmp_path)) - before)
  assert [len(names) for names in written] == [1, 1, 1]
  assert shard_bytes(tmp_path) == shard_bytes(undisturbed)


def add_bad_videos(videos):
  """Adds a file of every bad kind: id -> why it fails."""
  (videos / 'empty.webm').write_bytes(b'')
  (videos / 'garbage.webm').write_bytes(random.Random(0).randbytes(5000))
  (videos / 'html.webm').write_text('<html>404 Not Found</html>')
  small_videos.write_truncated(videos / 'truncated.webm')
  small_videos.write_audio(videos / 'audio.webm')
  small_videos.write_video(
    videos / 'single.webm', small_videos.textured_frames(1)
  )
  for name in ('unlabelled', 'die', 'crash', 'hang'):
    small_videos.write_video(videos / f'{name}.webm')
  small_videos.write_video(videos.parent / 'outside.webm')
  (videos / 'link.webm').symlink_to(videos.parent / 'outside.webm')
  (videos / 'loop.webm').symlink_to('loop.webm')
  os.mkfifo(videos / 'fifo.webm')
  (videos / 'list.webm').write_text('ffconcat version 1.0\nfile 0.webm\n')
  return {
    'empty': 'not a video (0 bytes)',
    'garbage': 'not a video (5000 bytes)',
    'html': 'not a video',
    'truncated': 'breaks off',
    'audio': 'not a video',
    'single': 'one frame only',
    'missing': 'No such file or directory',
    'unlabelled': "'Juggling something' is not in the label map",
    'die': 'SIGKILL',
    'crash': 'SIGSEGV',
    'hang': 'took more than 5 seconds',
    'link': 'is a link out of',
    'loop': 'Too many levels of symbolic links',
    'fifo': 'it is not a regular file',
    'list': 'not a video (33 bytes)',
    '../outside': 'must lead to a file in the folder',
    '/etc/passwd': 'must lead to a file in the folder',
    '': 'an id has 1 to',
    'a\0b': 'an id has 1 to',
  }


def test_bad_videos_cost_only_themselves(good, tmp_path, capfd):
  data = tmp_path / 'data'
  shutil.copytree(good / 'videos', data / 'videos')
  reasons = add_bad_videos(data / 'videos')
  bad = [{**entry(0), 'id': name} for name in reasons]
  bad[list(reasons).index('unlabelled')]['template'] = 'Juggling [something]'
  write_labels(data / 'labels', [*bad, *map(entry, range(NUM_GOOD))])
  job = make_job(data, tmp_path / 'records', video_timeout=5)
  summary, num_failed = many_videos.run(
    job, encode=pool_tasks.encode_or_misbehave
  )
  assert num_failed == len(reasons)
  assert summary['splits']['train']['failed'] == len(reasons) - 1
  assert summary['splits']['train']['missing'] == 1
  assert summary['splits']['train']['clips'] == NUM_GOOD
  clips = clips_of(job.output_dir, 'train')
  assert set(clips) == {str(i) for i in range(NUM_GOOD)}
  failures = failures_of(job.output_dir)
  assert set(failures) == set(reasons)
  for name, reason in reasons.items():
    assert reason in failures[name], name
  assert 'Traceback' not in capfd.readouterr().err


def test_a_rerun_adds_what_failed_before_and_leaves_the_rest(
  good, undisturbed, tmp_path
):
  data = tmp_path / 'data'
  shutil.copytree(good, data)
  broken = data / 'videos' / '3.webm'
  broken.write_bytes(b'')
  job = make_job(data, tmp_path / 'records')
  assert many_videos.run(job)[1] == 1
  first = shard_bytes(job.output_dir)
  times = {path: path.stat().st_mtime_ns for path in job.output_dir.iterdir()}
  assert many_videos.run(job)[1] == 1  # It fails again; nothing changes.
  assert shard_bytes(job.output_dir) == first
  assert all(path.stat().st_mtime_ns == times[path] for path in times)

  shutil.copy(good / 'videos' / '3.webm', broken)
  assert many_videos.run(job)[1] == 0
  assert shard_bytes(job.output_dir) == shard_bytes(undisturbed)
  assert failures_of(job.output_dir) == {}
  changed = [
    path.name
    for path in job.output_dir.glob('*.tfrecord')
    if path.stat().st_mtime_ns != times[path]
  ]
  assert len(changed) == 1


def cut(path, num_records):
  """Cuts a shard where a record ends."""
  found = framing.scan(path)
  with path.open('r+b') as stream:
    stream.truncate(found.offsets[num_records])


@pytest.mark.parametrize('num_records', [0, 2])
def test_a_shard_that_lost_records_is_made_again(
  good, undisturbed, tmp_path, capsys, num_records
):
  """Emptied, or cut where a record ends."""
  job = make_job(good, tmp_path / 'records')
  shutil.copytree(undisturbed, job.output_dir)
  path = shards.find(job.output_dir, 'train')[0]
  cut(path, num_records)
  summary, num_failed = many_videos.run(job)
  message = f'{path}: has {num_records} records instead of 3; it is made again'
  stderr = capsys.readouterr().err
  assert message in stderr and '2 of 3 shards are complete' in stderr
  assert num_failed == 0
  assert summary['splits']['train']['clips'] == NUM_GOOD - 1
  assert shard_bytes(job.output_dir) == shard_bytes(undisturbed)


def test_a_shard_that_lost_records_and_lacks_a_video_is_made_again(
  good, undisturbed, tmp_path
):
  """What it lacked is there now; the rest is not thought to be there."""
  data = tmp_path / 'data'
  shutil.copytree(good, data)
  (data / 'videos' / '3.webm').write_bytes(b'')
  job = make_job(data, tmp_path / 'records')
  assert many_videos.run(job)[1] == 1
  for path in shards.find(job.output_dir, 'train'):
    cut(path, 1)
  shutil.copy(good / 'videos' / '3.webm', data / 'videos')
  assert many_videos.run(job)[1] == 0
  assert shard_bytes(job.output_dir) == shard_bytes(undisturbed)


def test_the_summary_counts_the_records_that_are_there(good, tmp_path, caplog):
  """Also those of another task's shards, which that task has to mend."""
  job = make_job(good, tmp_path)
  many_videos.run(job)
  path = shards.find(tmp_path, 'train')[1]
  cut(path, 2)
  first = dataclasses.replace(job, share=task_share.TaskShare(0, 3))
  summary, _ = many_videos.run(first)
  assert summary['splits']['train'] == {
    'videos': 6,
    'clips': 5,
    'missing': 0,
    'failed': 0,
    'shards': 2,
    'shards_written': 2,
  }
  assert f'{path}: has 2 records instead of 3; run its task' in caplog.text


def test_other_settings_on_an_old_folder_are_refused(good, undisturbed):
  changed_settings = (
    {'frames_per_second': None},
    {'streams': ('rgb',)},
    {'max_seconds': 30},
  )
  for changes in (
    {'shard_size': 1},
    *({'settings': dataclasses.replace(SMALL, **c)} for c in changed_settings),
  ):
    with pytest.raises(
      errors.InputError, match=r'parameters\.json: the shards'
    ):
      many_videos.run(make_job(good, undisturbed, **changes))


def test_a_wrong_folder_of_videos_is_named(good, tmp_path):
  for folder in (tmp_path, tmp_path / 'missing'):
    with pytest.raises(errors.InputError, match='see --videos_dir'):
      many_videos.run(make_job(good, tmp_path / 'records', videos_dir=folder))
  assert not (tmp_path / 'records').exists()


def program(job, prologue='', arguments=''):
  """Python code that runs a job."""
  job = dataclasses.replace(
    job, videos_dir=str(job.videos_dir), output_dir=str(job.output_dir)
  )
  return (
    'from two_stream.datasets.data_set import DataSet, Sample\n'
    'from two_stream.preprocessing import many_videos\n'
    'from two_stream.preprocessing.clip_settings import Settings\n'
    f'from two_stream.preprocessing.task_share import TaskShare\n{prologue}\n'
    f'many_videos.run(many_videos.{job}{arguments})'
  )


def start(code):
  return programs.started_code(code, stderr=subprocess.PIPE, text=True)


def test_two_runs_cannot_write_the_same_shard(good, tmp_path):
  job = make_job(good, tmp_path)
  hold = (
    'import time\nfrom two_stream.records import shard_folder, shards\n'
    f'folder = shard_folder.ShardFolder({str(tmp_path)!r})\n'
    "folder.claim([shards.Shard(split='train', number=1, num_shards=2, "
    'samples=[])])\n'
    "print('claimed', flush=True)\ntime.sleep(1000)"
  )
  with programs.started_code(hold, stdout=subprocess.PIPE) as other:
    other.stdout.readline()
    with pytest.raises(errors.InputError, match='another run is writing it'):
      many_videos.run(job)
  assert many_videos.run(job)[1] == 0  # The claim ended with the process.


def test_a_link_planted_as_the_lock_file_is_not_followed(tmp_path):
  folder = tmp_path / 'records'
  folder.mkdir()
  (folder / '.lock').symlink_to(tmp_path / 'elsewhere')
  with pytest.raises(errors.InputError, match='records: cannot be written'):
    shard_folder.ShardFolder(folder)
  assert not (tmp_path / 'elsewhere').exists()


def test_a_full_disk_leaves_no_partial_shard(good, undisturbed, tmp_path):
  """The limit on file sizes makes the real writer fail as a full disk does."""
  limit = min(map(len, shard_bytes(undisturbed).values())) + 1000
  prologue = (
    'import resource\n'
    f'resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))'
  )
  with start(program(make_job(good, tmp_path), prologue)) as process:
    _, stderr = process.communicate(timeout=WAIT)
  assert process.returncode == 1
  assert '.tfrecord: cannot be written: ' in stderr
  assert 'complete shards are kept' in stderr
  check_only_whole_shards(tmp_path, undisturbed)
  many_videos.run(make_job(good, tmp_path))
  assert shard_bytes(tmp_path) == shard_bytes(undisturbed)


def check_only_whole_shards(folder, undisturbed):
  written, whole = shard_bytes(folder), shard_bytes(undisturbed)
  assert written.items() < whole.items()
  assert not list(folder.glob('.*.tmp'))


@pytest.fixture(name='small_disk')
def mount_small_disk(tmp_path):
  folder = tmp_path / 'disk'
  folder.mkdir()
  mount = subprocess.run(
    ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(folder)],
    check=False,
    capture_output=True,
  )
  if mount.returncode:
    pytest.skip('mounting a small disk is not permitted here')
  yield folder
  subprocess.run(['umount', str(folder)], check=True)


def test_a_full_small_disk_says_so(good, undisturbed, small_disk):
  with pytest.raises(errors.InputError, match='No space left on device'):
    many_videos.run(make_job(good, small_disk))
  check_only_whole_shards(small_disk, undisturbed)


def children_of(pid):
  """Lists the processes whose parent is `pid`."""
  children = []
  for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
    try:
      fields = stat.read_text().rpartition(')')[2].split()
    except OSError:
      continue
    if int(fields[1]) == pid and fields[0] != 'Z':
      children.append(int(stat.parent.name))
  return children


def content(folder):
  return sorted(path.name for path in folder.glob('.*.tmp')) + sorted(
    path.name for path in folder.glob('*.tfrecord')
  )


def kill_and_rerun(job, num_kills):
  """Kills runs with -9, every second one while it begins to write a file.

  Returns:
    How many runs were killed before they ended by themselves.
  """
  moments = random.Random(0)
  code = program(job, 'import pool_tasks', ', encode=pool_tasks.encode_slowly')
  job.output_dir.mkdir()
  num_killed = 0
  for attempt in range(num_kills):
    before = content(job.output_dir)
    with start(code) as process:
      if attempt % 2:
        time.sleep(moments.uniform(0, 5))
      else:
        programs.wait_until(
          lambda process=process, before=before: (
            content(job.output_dir) != before or process.poll() is not None
          ),
          WAIT,
        )
        time.sleep(moments.uniform(0, 0.2))
      children = children_of(process.pid)
      num_killed += process.poll() is None
      process.send_signal(signal.SIGKILL)
    programs.wait_until(
      lambda children=children: not any(map(programs.is_running, children)),
      seconds=10,
      explain=lambda: 'workers outlive the run',
    )
  with start(code) as process:
    _, stderr = process.communicate(timeout=WAIT)
  assert process.returncode == 0, stderr
  return num_killed


@pytest.mark.parametrize(
  'num_kills', [2, pytest.param(12, marks=pytest.mark.slow)]
)
def test_runs_killed_at_any_moment_end_in_the_same_shards(
  good, tmp_path, num_kills
):
  data = tmp_path / 'data'
  (data / 'videos').mkdir(parents=True)
  num_videos = 10 * num_kills + 4
  for i in range(num_videos):
    original = good / 'videos' / f'{i % NUM_GOOD}.webm'
    shutil.copy(original, data / 'videos' / f'{i}.webm')
  write_labels(data / 'labels', map(entry, range(num_videos + 1)))
  undisturbed = make_job(data, tmp_path / 'undisturbed', shard_size=1)
  many_videos.run(undisturbed)
  disturbed = dataclasses.replace(
    undisturbed, output_dir=tmp_path / 'disturbed'
  )
  num_killed = kill_and_rerun(disturbed, num_kills)
  assert num_killed >= num_kills * 5 / 6
  whole = shard_bytes(undisturbed.output_dir)
  assert len(whole) == num_videos + 1
  assert set(failures_of(undisturbed.output_dir)) == {str(num_videos)}
  assert shard_bytes(disturbed.output_dir) == whole
  assert not list(disturbed.output_dir.glob('.*.tmp'))
  for name in ('failures.jsonl', 'summary.json', 'parameters.json'):
    expected = (undisturbed.output_dir / name).read_text()
    assert (disturbed.output_dir / name).read_text() == expected


def script(*arguments, **environment):
  return programs.run_script(
    'preprocess_ssv2.py', *arguments, env=environment, timeout=WAIT
  )


def test_the_script_says_what_it_did_and_that_some_failed(tmp_path):
  (tmp_path / 'videos').mkdir()
  frames = small_videos.textured_frames(2)
  small_videos.write_video(tmp_path / 'videos' / '0.webm', frames)
  write_labels(tmp_path / 'labels', [entry(0), entry(1)])
  output_dir = tmp_path / 'records'
  result = script(
    f'--videos_dir={tmp_path / "videos"}',
    f'--labels_dir={tmp_path / "labels"}',
    f'--output_dir={output_dir}',
    '--num_workers=1',
    '--fps=native',
    SLURM_ARRAY_TASK_ID='7',
    SLURM_ARRAY_TASK_MIN='7',
    SLURM_ARRAY_TASK_COUNT='1',
  )
  assert result.returncode == 2, result.stderr
  assert result.stdout == (
    'train: 1 of 2 videos in 1 of 1 shards, 1 failed\n'
    'validation: 0 of 0 videos in 0 of 0 shards, 0 failed\n'
    f'{output_dir}/failures.jsonl names the failed videos\n'
  )
  assert 'videos/s' in result.stderr
  assert 'flows/s' in result.stderr
  (record,) = clips_of(output_dir, 'train').values()
  assert record.context['image/height'] == [256]
  assert failures_of(output_dir)['1'].endswith(
    '1.webm: cannot be read: No such file or directory'
  )


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    ('--fps=fast', '--fps'),
    ('--fps=0', '--fps'),
    ('--splits=train,dev', '--splits'),
    ('--task_index=2', '--task_index'),
    ('--videos_dir=/nowhere', '--videos_dir'),
  ],
)
def test_a_wrong_flag_is_one_line(good, tmp_path, flag, message):
  result = script(
    f'--videos_dir={good / "videos"}',
    f'--labels_dir={good / "labels"}',
    f'--output_dir={tmp_path / "records"}',
    flag,
  )
  assert result.returncode == 1
  assert message in result.stderr
  assert len(result.stderr.splitlines()) == 1
  assert not (tmp_path / 'records').exists()

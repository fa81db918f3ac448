"""Scripts take every path relative to the folder in which they are started."""

import re
import sys
from typing import NamedTuple

import program_flags
import programs
import pytest
import small_networks
import small_records
import small_videos

from two_stream.training import summaries

ROOT = programs.ROOT
SCRIPTS = sorted(
  path
  for folder in ('', 'demo', 'launch', 'benchmarks')
  for path in (ROOT / folder).glob('*.py')
  if 'cli.run(' in path.read_text()
)
# Flags of text that are no paths. (An interpreter is looked for in $PATH.)
TEXTS = {'learning_rates', 'fps', 'contrib_python', 'train_only'}
CLASSES = '{"Holding something": "0", "Dropping something": "1"}'
TRAIN = [
  *('--stream=rgb', '--num_frames=9', '--batch_size=1', '--max_steps=1'),
  *('--depth_multiplier=0.0625', '--replicas_to_aggregate=1'),
]


class Program(NamedTuple):
  """A script and how it is run here, from the folder `here`.

  Attributes:
    script: below the root.
    paths: its path flags.
    others: its other flags, or what comes before or behind the path flags.
    written: a file that it writes, relative to `here`.
    again: a pattern that its second run prints, on stdout or stderr.
    is_slow: whether it takes more than some 20 s.
  """

  script: str
  paths: dict
  others: list
  written: str | None
  again: str = ''
  is_slow: bool = False


PROGRAMS = [
  Program(
    'preprocess_videos.py',
    {
      'videos_dir': '../videos',
      'annotations': '../videos.csv',
      'label_map': '../data/label_map.txt',
      'output_dir': 'records',
    },
    ['--dataset=csv', '--num_workers=1', '--streams=rgb'],
    'records/train-00000-of-00001.tfrecord',
    '1 of 1 shards are complete',
    is_slow=True,
  ),
  Program(
    'preprocess_ssv2.py',
    {
      'videos_dir': '../videos',
      'labels_dir': '../labels',
      'output_dir': 'records',
    },
    ['--splits=train', '--num_workers=1'],
    'records/train-00000-of-00001.tfrecord',
    '1 of 1 shards are complete',
    is_slow=True,
  ),
  Program(
    'train.py',
    {
      'records_dir': '../records',
      'train_dir': 'rgb',
      'init_checkpoint': '../data/checkpoints/rgb_imagenet/model.ckpt',
    },
    TRAIN,
    'rgb/export/model.ckpt.index',
    'continuing from {here}/rgb/model.ckpt-1\n',
    is_slow=True,
  ),
  Program(
    'evaluate_split.py',
    {'data_dir': '../data', 'records_dir': '../records', 'output_dir': 'out'},
    ['--eval_type=rgb', '--split=validation'],
    'out/validation.json',
    is_slow=True,
  ),
  Program(
    'evaluate_sample.py',
    {
      'data_dir': '../data',
      'sample': '../videos/0.webm',
      'report': 'report.html',
    },
    ['--eval_type=rgb'],
    'report.html',
    is_slow=True,
  ),
  Program(
    'compute_fvd.py',
    {
      'data_dir': '../kinetics',
      'reference_dir': '../two_videos',
      'generated_dir': '../two_videos',
      'cache_dir': 'cache',
      'output': 'fvd.json',
    },
    ['--num_frames=9', '--num_workers=1'],
    'fvd.json',
    is_slow=True,
  ),
  Program(
    'demo/synthetic_ssv2.py',
    {'output_dir': 'ssv2'},
    [
      *('--num_train=1', '--num_validation=0', '--num_test=0'),
      *('--min_seconds=0.5', '--max_seconds=0.5'),
    ],
    'ssv2/labels/something-something-v2-train.json',
  ),
  Program(
    'demo/pretrain_images.py',
    {'output': 'inception/model.ckpt'},
    [
      *('--num_images=64', '--num_steps=1', '--batch_size=4'),
      '--depth_multiplier=0.0625',
    ],
    'inception/model.ckpt.index',
    '{here}/inception/model.ckpt exists',
    is_slow=True,
  ),
  Program(
    'extract_features.py',
    {'data_dir': '../data', 'videos': '../videos', 'output_dir': 'features'},
    ['--eval_type=rgb', '--window_frames=9'],
    'features/0.webm.npz',
    is_slow=True,
  ),
  Program(
    'extract_features.py',
    {
      'data_dir': '../data',
      'videos_dir': '../videos',
      'annotations': '../videos.csv',
      'label_map': '../data/label_map.txt',
      'output_dir': 'features',
    },
    ['--dataset=csv', '--eval_type=rgb', '--window_frames=9'],
    'features/train/0.webm.npz',
    is_slow=True,
  ),
  Program(
    'extract_features.py',
    {
      'data_dir': '../data',
      'records_dir': '../records',
      'output_dir': 'features',
    },
    ['--split=validation', '--eval_type=rgb', '--window_frames=9'],
    'features/settings.json',
    is_slow=True,
  ),
  Program(
    'launch/split_table.py',
    {'folder': '..'},
    ['--dataset=hmdb51'],
    None,
    '| RGB-I3D | 50.0 |',
  ),
  Program(
    'demo/draw_curves.py',
    {'output': 'curves.png'},
    ['--train_dirs=a training=../training'],
    'curves.png',
    is_slow=True,
  ),
  Program(
    'demo/make_gifs.py',
    {'data_dir': '../data', 'output_dir': 'gifs'},
    [],
    'gifs/sample_rgb.gif',
  ),
  Program(
    'benchmarks/decoding.py', {'videos_dir': '../videos'}, ['--rounds=1'], None
  ),
  Program(
    'benchmarks/fvd.py',
    {
      'data_dir': '../kinetics',
      'videos_dir': '../two_videos',
      'plot': 'fvd.png',
    },
    ['--num_videos=2', '--num_frames=9'],
    'fvd.png',
    is_slow=True,
  ),
  Program(
    'benchmarks/preprocess.py',
    {'videos_dir': '../videos'},
    ['--num_videos=1', '--rounds=1', '--workers=1'],
    None,
    is_slow=True,
  ),
  Program(
    'launch/local.py',
    {'records_dir': '../records', 'train_dir': 'rgb'},
    ['--num_workers=1', '--', *TRAIN],
    'rgb/export/model.ckpt.index',
    'continuing from {here}/rgb/model.ckpt-1\n',
    is_slow=True,
  ),
]
# Its DESTINATION must not exist, so it does not run twice. test_saved_model
# runs it with relative paths.
ELSEWHERE = {'convert_checkpoint.py': {'label_map', 'flow'}}
# What has no path flag, or passes on those of other scripts.
WITHOUT_PATHS = {
  'launch/local.py',
  'launch/lock_packages.py',
  'benchmarks/flow.py',
  'benchmarks/input_pipeline.py',
  'benchmarks/network.py',
  'benchmarks/traffic.py',
  'benchmarks/training.py',
  'benchmarks/workers.py',
}


@pytest.fixture(name='folder', scope='module')
def make_folder(tmp_path_factory):
  """Videos and their labels, records, and a data directory."""
  folder = tmp_path_factory.mktemp('relative')
  (folder / 'videos').mkdir()
  small_videos.write_video(folder / 'videos/0.webm')
  (folder / 'videos.csv').write_text('path,label\n0.webm,Resting\n')
  (folder / 'labels').mkdir()
  (folder / 'labels/labels.json').write_text(CLASSES)
  (folder / 'labels/train.json').write_text(
    '[{"id": "0", "template": "Holding [something]"}]'
  )
  accuracies = folder / 'split_1' / 'evaluation' / 'test.json'
  accuracies.parent.mkdir(parents=True)
  accuracies.write_text(
    '{"labelled": 2, "accuracy": {"scratch": {"rgb": {"top_1": 0.5}}}}'
  )
  curves = summaries.Curves(folder / 'training' / 'eval')
  curves.write('validation', {'top_1': 0.5}, 10)
  small_records.write(folder / 'records')
  small_records.write(folder / 'records', 'validation', ((5,),))
  small_networks.write(folder / 'data', 'rgb_imagenet', 3)
  small_networks.write(folder / 'kinetics', 'rgb_scratch', 3)
  (folder / 'two_videos').mkdir()
  for name in ('0.webm', '1.webm'):
    small_videos.write_video(folder / 'two_videos' / name)
  for name in ('label_map.txt', 'sample.webm'):
    source = 'records/label_map.txt' if name[0] == 'l' else 'videos/0.webm'
    (folder / 'data' / name).write_bytes((folder / source).read_bytes())
  return folder


@pytest.mark.process
@pytest.mark.parametrize(
  'program',
  [
    pytest.param(
      program,
      marks=[pytest.mark.slow] if program.is_slow else [],
      id=program.script,
    )
    for program in PROGRAMS
  ],
)
def test_a_script_runs_twice_with_relative_paths(program, folder):
  here = folder / f'{PROGRAMS.index(program)}.{program.script}'.replace(
    '/', '.'
  )
  before = everything(folder)
  here.mkdir()
  command = [
    *(sys.executable, ROOT / program.script, *program.others),
    *(f'--{name}={path}' for name, path in program.paths.items()),
  ]
  # Those of the demo find the checkout, whether it is installed or not.
  is_demo = program.script.startswith('demo/')
  env = {} if is_demo else programs.IMPORTABLE
  for again in (False, True):
    result = programs.run(command, cwd=here, env=env)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    if again:
      assert program.again.format(here=here) in output
    assert program.written is None or (here / program.written).is_file()
  # Nothing was written at a place that only looks like the one meant.
  others = everything(folder) - everything(here) - {here}
  assert others == before


def everything(folder):
  """All paths below a folder."""
  return set(folder.rglob('*'))


@pytest.mark.process
@pytest.mark.slow
def test_the_shell_script_runs_twice_with_relative_paths(folder):
  here = folder / 'multi_evaluate.sh'
  here.mkdir()
  for _ in range(2):
    programs.run(
      [ROOT / 'multi_evaluate.sh', '../data', 'out'],
      cwd=here,
      env={'PYTHON': sys.executable},
      check=True,
    )
    assert [path.name for path in (here / 'out').iterdir()] == [
      'imagenet_rgb.txt'
    ]


def test_every_path_flag_of_every_script_is_run_above():
  run: dict[str, set[str]] = dict(ELSEWHERE)
  for program in PROGRAMS:
    run.setdefault(program.script, set()).update(program.paths)
  for script in SCRIPTS:
    name = str(script.relative_to(ROOT))
    text = program_flags.source_of(name)
    found = set(re.findall(r"define_path\(\s*'(\w+)'", text))
    assert found == (set() if name in WITHOUT_PATHS else run[name])
    texts = re.findall(r"DEFINE_string\(\s*'(\w+)'", text)
    assert set(texts) <= TEXTS

"""Writes every data set in its published layout, small and with its traps.

Each function fills a folder and returns where the parts are. It calls
`write_video` with the path of each video, or `write_frame` with that of each
frame; by default these write a few bytes, which is enough for whoever only
looks at names.
"""

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

from two_stream.datasets import data_set

Write = Callable[[pathlib.Path], Any]

KINETICS_CLASSES = (
  'abseiling',
  "massaging person's head",
  'petting animal (not cat)',
)


class Layout(NamedTuple):
  """Where the parts of a data set are."""

  videos_dir: pathlib.Path
  annotations: pathlib.Path | None

  def request(self, **options):
    """Returns a request for this data set, with further fields."""
    return data_set.Request(
      videos_dir=self.videos_dir, annotations=self.annotations, **options
    )


def write_bytes(path: pathlib.Path) -> None:
  path.write_bytes(b'no video')


def kinetics(folder: pathlib.Path, write_video: Write = write_bytes) -> Layout:
  """Writes Kinetics as CVDF's programs do.

  Of 6 training clips, 1 is missing, 1 is there as .mp4 and .mkv, 1 as a whole
  video with 12 seconds or more, and 1 has only begun to be downloaded. The test
  list has no labels.
  """
  head = 'label,youtube_id,time_start,time_end,split,is_cc\n'
  _write_text(
    folder / 'annotations/train.csv',
    head + 'abseiling,-0aBcDeFgHi,10,20,train,0\n'
    '"petting animal (not cat)",_000010_000,0,10,train,1\n'
    "massaging person's head,_000010_000,12,22,train,1\n"
    'abseiling,bothBothBot,5,15,train,0\n'
    'abseiling,whole_Video,1,3,train,0\n'
    "massaging person's head,--partial--,7,17,train,0\n",
  )
  _write_text(
    folder / 'annotations/val.csv',
    head + 'abseiling,valValValVa,84,94,validate,0\n'
    '"massaging person\'s head",_missing-_-,1,11,validate,0\n'
    'petting animal (not cat),-valVal_val,3,13,validate,0\n',
  )
  _write_text(
    folder / 'annotations/test.csv',
    'youtube_id,time_start,time_end,split\n-test_test-,100,110,test\n',
  )
  _write_all(
    write_video,
    folder / 'train',
    '-0aBcDeFgHi_000010_000020.mp4',
    '_000010_000_000000_000010.mp4',
    '_000010_000_000012_000022.webm',
    'bothBothBot_000005_000015.mp4',
    'bothBothBot_000005_000015.mkv',
    'whole_Video.mp4',
  )
  (folder / 'train/--partial--_000007_000017.mp4.part').write_bytes(b'0')
  _write_all(
    write_video,
    folder / 'val',
    'valValValVa_000084_000094.mp4',
    '-valVal_val_000003_000013.mp4',
  )
  _write_all(write_video, folder / 'test', '-test_test-_000100_000110.mp4')
  return Layout(folder, folder / 'annotations')


def ucf101(folder: pathlib.Path, write_video: Write = write_bytes) -> Layout:
  """Writes UCF-101 with three classes, and the case of HandstandPushups."""
  lists = folder / 'ucfTrainTestlist'
  _write_text(
    lists / 'classInd.txt',
    '1 ApplyEyeMakeup\r\n2 HandstandPushups\r\n3 YoYo \r\n',
  )
  for number in (1, 2, 3):
    groups = {1: (8, 9, 1), 2: (1, 9, 8), 3: (1, 8, 9)}[number]
    of_split = {'train': groups[:2], 'test': groups[2:]}
    for split, members in of_split.items():
      _write_text(
        lists / f'{split}list{number:02}.txt',
        ''.join(
          f'{name}/v_{file}_g{group:02}_c01.avi'
          + (f' {index}\n' if split == 'train' else '\n')
          for index, name, file in (
            (1, 'ApplyEyeMakeup', 'ApplyEyeMakeup'),
            (2, 'HandstandPushups', 'HandStandPushups'),
            (3, 'YoYo', 'YoYo'),
          )
          for group in members
        ),
      )
  for name, file in (
    ('ApplyEyeMakeup', 'ApplyEyeMakeup'),
    ('HandStandPushups', 'HandStandPushups'),
    ('YoYo', 'YoYo'),
  ):
    _write_all(
      write_video,
      folder / 'UCF-101' / name,
      *(f'v_{file}_g{group:02}_c01.avi' for group in (1, 8, 9)),
    )
  return Layout(folder / 'UCF-101', lists)


HMDB_NAMES = (
  '#20_Rhythm_(a)_[b]_sword_u_nm_np1_fr_med_0.avi',
  "A&B;C!D+E@F_'quoted'_sword_f_cm_np1_ba_bad_1.avi",
  'same_name.avi',
)


def hmdb51(folder: pathlib.Path, write_video: Write = write_bytes) -> Layout:
  """Writes HMDB-51 with two classes, which share a name of a video."""
  lists = folder / 'testTrainMulti_7030_splits'
  for label in ('brush_hair', 'sword'):
    for number in (1, 2, 3):
      uses = {1: '120', 2: '201', 3: '012'}[number]
      _write_text(
        lists / f'{label}_test_split{number}.txt',
        ''.join(f'{name} {use} \n' for name, use in zip(HMDB_NAMES, uses)),
      )
    _write_all(write_video, folder / 'hmdb51' / label, *HMDB_NAMES)
  return Layout(folder / 'hmdb51', lists)


def ssv1(folder: pathlib.Path, write_frame: Write = write_bytes) -> Layout:
  """Writes Something-Something v1 with two classes, in no alphabetical order.

  Each video has 10 frames.
  """
  lists = folder / 'labels'
  prefix = 'something-something-v1-'
  lift = 'Lifting up one end of something, then letting it drop down'
  hold = 'Holding something'
  _write_text(lists / f'{prefix}labels.csv', f'{lift}\n{hold}\n')
  _write_text(lists / f'{prefix}train.csv', f'100218;{lift}\n24413;{hold}\n')
  _write_text(lists / f'{prefix}validation.csv', f'1;{hold}\n2;{lift}\n')
  _write_text(lists / f'{prefix}test.csv', '42\n')
  videos = folder / '20bn-something-something-v1'
  for video in ('100218', '24413', '1', '2', '42'):
    _write_all(
      write_frame, videos / video, *(f'{i:05}.jpg' for i in range(1, 11))
    )
  return Layout(videos, lists)


def divided_folders(
  folder: pathlib.Path, write_video: Write = write_bytes
) -> Layout:
  """Writes one's own videos: folders of splits, and test videos in none."""
  for split, names in {
    'train': ('a b.mp4', '-c.MKV'),
    'val': ('Müller #1.avi',),
  }.items():
    for label in ('pouring milk', '走る'):
      _write_all(write_video, folder / split / label, *names)
  _write_all(write_video, folder / 'test', 'unknown.mov')
  for name in ('README.txt', 'train/pouring milk/.DS_Store', 'val/Thumbs.db'):
    (folder / name).write_bytes(b'0')
  return Layout(folder, None)


def plain_folders(
  folder: pathlib.Path, write_video: Write = write_bytes
) -> Layout:
  """Writes one's own videos: a folder with 4 videos for each of 2 classes."""
  for label in ('train', 'bus'):
    _write_all(write_video, folder / label, *(f'{i}.mp4' for i in range(4)))
  return Layout(folder, None)


def csv_list(folder: pathlib.Path, write_video: Write = write_bytes) -> Layout:
  """Writes one's own videos and their list, with parts of one video.

  The video `one [1].mp4` has to last 2 seconds.
  """
  _write_all(
    write_video, folder / 'videos/any where', 'one [1].mp4', 'two.webm', '3.avi'
  )
  _write_text(
    folder / 'list.csv',
    '\ufeffpath,label,split,start,end\r\n'
    'any where/one [1].mp4,"pouring, slowly",train,0,0.8\r\n'
    'any where/one [1].mp4,stirring,train,0.8,1.6\r\n'
    'any where/two.webm,stirring,val,,\r\n'
    'any where/3.avi,,test,,\r\n',
  )
  return Layout(folder / 'videos', folder / 'list.csv')


def _write_text(path: pathlib.Path, text: str) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(text.encode())


def _write_all(write: Write, folder: pathlib.Path, *names: str) -> None:
  folder.mkdir(parents=True, exist_ok=True)
  for name in names:
    write(folder / name)

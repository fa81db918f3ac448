"""Kinetics' lists and the videos that are left of them are found."""

import logging

import miniatures
import pytest

from two_stream import errors
from two_stream.datasets import data_set, kinetics
from two_stream.records import shard_parameters, shards

HEAD = 'label,youtube_id,time_start,time_end,split\n'
ABSEILING, HEAD_MASSAGE, PETTING = miniatures.KINETICS_CLASSES


def write(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text, encoding='utf-8')
  return path


def touch(folder, *names):
  for name in names:
    write(folder / name, '')


def read(videos_dir, annotations=None, **options):
  return kinetics.read(
    data_set.Request(videos_dir=videos_dir, annotations=annotations, **options)
  )


def test_the_layout_of_cvdf_is_read(tmp_path, caplog):
  found = kinetics.read(miniatures.kinetics(tmp_path).request())
  assert found.class_names == miniatures.KINETICS_CLASSES
  assert found.lacks_videos
  assert list(found.splits) == ['train', 'validation', 'test']
  sample = data_set.Sample
  assert found.splits['train'] == [
    sample(
      id='-0aBcDeFgHi_000010_000020',
      path='train/-0aBcDeFgHi_000010_000020.mp4',
      label=ABSEILING,
    ),
    sample(
      id='_000010_000_000000_000010',
      path='train/_000010_000_000000_000010.mp4',
      label=PETTING,
    ),
    sample(
      id='_000010_000_000012_000022',
      path='train/_000010_000_000012_000022.webm',
      label=HEAD_MASSAGE,
    ),
    sample(
      id='bothBothBot_000005_000015',
      path='train/bothBothBot_000005_000015.mkv',
      label=ABSEILING,
    ),
    sample(
      id='whole_Video_000001_000003',
      path='train/whole_Video.mp4',
      label=ABSEILING,
      start=1,
      end=3,
    ),
    sample(
      id='--partial--_000007_000017',
      path='train/--partial--_000007_000017.mp4',
      label=HEAD_MASSAGE,
    ),
  ]
  assert [each.path for each in found.splits['validation']] == [
    'val/valValValVa_000084_000094.mp4',
    'val/_missing-_-_000001_000011.mp4',
    'val/-valVal_val_000003_000013.mp4',
  ]
  assert [each.label for each in found.splits['test']] == [None]
  assert '1 videos have several files' in caplog.text
  assert 'is taken and not train/bothBothBot_000005_000015.mp4' in caplog.text


def test_classes_do_not_depend_on_the_wanted_splits(tmp_path):
  request = miniatures.kinetics(tmp_path).request(splits=('test',))
  found = kinetics.read(request)
  assert list(found.splits) == ['test']
  assert found.class_names == miniatures.KINETICS_CLASSES


@pytest.mark.parametrize(
  'place',
  [
    'v{}.mp4',
    'train/v{}.mp4',
    'val/v{}.mp4',
    'train/riding a bike/v{}.mp4',
    'train/riding_a_bike/v{}.WEBM',
    'videos/train/riding a bike/v{}.mkv',
    'replacement/replacement_for_corrupted_k400/v{}.mp4',
    'a/v{}/img_00001.jpg',
  ],
)
@pytest.mark.parametrize('times', ['_000003_000013', ''])
def test_videos_are_found_in_any_folder(tmp_path, place, times):
  names = write(tmp_path / 'x.csv', HEAD + 'riding a bike,v,3,13,train\n')
  touch(tmp_path / 'k', place.format(times))
  (sample,) = read(tmp_path / 'k', names).splits['train']
  expected = place.format(times).removesuffix('/img_00001.jpg')
  assert sample.path == expected
  assert (sample.start, sample.end) == ((None, None) if times else (3, 13))


@pytest.mark.parametrize(
  'ending', ['.mp4.part', '.ytdl', '.f137.mp4', '.mp4.tmp', '.json', '.jpg']
)
def test_half_downloads_are_no_videos(tmp_path, ending):
  names = write(tmp_path / 'x.csv', HEAD + 'a,v,3,13,train\n')
  touch(tmp_path / 'k/train', f'v_000003_000013{ending}', f'v{ending}')
  (sample,) = read(tmp_path / 'k', names).splits['train']
  assert sample.path == 'train/v_000003_000013.mp4'


@pytest.mark.parametrize(
  ('better', 'worse'),
  [
    ('train/v_000003_000013.mp4', 'train/v.mp4'),
    ('train/v_000003_000013.mp4', 'a/v_000003_000013.mp4'),
    ('x/riding_a_bike/v.mp4', 'x/a/v.mp4'),
    ('replacement/x/v_000003_000013.mp4', 'train/v_000003_000013.mp4'),
    ('train/v.mkv', 'train/v.mp4'),
  ],
)
def test_of_several_files_the_likely_one_is_taken(tmp_path, better, worse):
  names = write(tmp_path / 'x.csv', HEAD + 'riding a bike,v,3,13,train\n')
  touch(tmp_path / 'k', better, worse)
  (sample,) = read(tmp_path / 'k', names).splits['train']
  assert sample.path == better


def test_a_video_that_arrives_later_in_any_form_changes_no_sample(tmp_path):
  names = write(tmp_path / 'x.csv', HEAD + 'a,v,3,13,train\na,w,1,2,train\n')

  def fingerprint(place, *there):
    (tmp_path / place).mkdir()
    touch(tmp_path / place, *there)
    samples = read(tmp_path / place, names).splits['train']
    return shard_parameters.fingerprint(shards.plan('train', samples, 2))

  missing = fingerprint('missing')
  assert fingerprint('whole', 'v.mp4') == missing
  assert fingerprint('cut_out', 'train/v_000003_000013.mp4') == missing
  assert fingerprint('frames', 'v/00001.jpg') == missing


@pytest.mark.parametrize(
  ('there', 'expected'),
  [
    (['v/v.mp4'], 'v/v.mp4'),
    (['v/v.mp4', 'v/thumbnail_1.jpg'], 'v/v.mp4'),
    (['v/v_000003_000013.mp4'], 'v/v_000003_000013.mp4'),
    (['v/flow/x_1.jpg', 'v/v_1.jpg', 'v/v_2.jpg'], 'v'),
    (['train/v/1.jpg', 'a/v.webm'], 'a/v.webm'),
  ],
)
def test_a_folder_with_the_name_of_a_video_hides_no_video(
  tmp_path, caplog, there, expected
):
  names = write(tmp_path / 'x.csv', HEAD + 'riding a bike,v,3,13,train\n')
  touch(tmp_path / 'k', *there)
  (sample,) = read(tmp_path / 'k', names).splits['train']
  assert sample.path == expected
  assert 'hold none of these' not in caplog.text


def test_a_folder_with_the_name_of_a_video_and_other_content_is_said(
  tmp_path, caplog
):
  names = write(tmp_path / 'x.csv', HEAD + 'a,v,3,13,train\n')
  touch(tmp_path / 'k', 'train/v_000003_000013/video.mp4')
  (sample,) = read(tmp_path / 'k', names).splits['train']
  assert sample.path == 'train/v_000003_000013.mp4'
  assert 'hold none of these (1): train/v_000003_000013' in caplog.text


@pytest.mark.parametrize(
  'folder', ['val', 'validate', 'validation', 'kinetics_400_val']
)
def test_a_missing_video_has_the_path_where_it_should_be(tmp_path, folder):
  names = write(tmp_path / 'x.csv', HEAD + 'a,-v,3,13,val\n')
  (tmp_path / 'k' / folder).mkdir(parents=True)
  (sample,) = read(tmp_path / 'k', names).splits['validation']
  assert sample.path == f'{folder}/-v_000003_000013.mp4'


@pytest.mark.parametrize(
  'names',
  [
    ('train.csv', 'validate.csv', 'test.csv'),
    ('kinetics_400_train.csv', 'kinetics_400_val.csv', 'kinetics_400_test.csv'),
    ('kinetics-400_train.csv', 'kinetics-400_validation.csv', 'k_test.csv'),
    ('kinetics400/train.csv', 'kinetics400/val.csv', 'kinetics400/test.csv'),
  ],
)
def test_lists_are_found_under_the_names_that_circulate(tmp_path, names):
  for name in names:
    write(tmp_path / 'lists' / name, HEAD + 'a,v,3,13,\n')
  write(tmp_path / 'lists' / 'README.md', '')
  found = read(tmp_path, tmp_path / 'lists')
  assert list(found.splits) == ['train', 'validation', 'test']


@pytest.mark.parametrize('named', ['val', 'validate', 'validation', '', 'x'])
def test_a_folder_of_lists_takes_the_names_of_splits_that_circulate(
  tmp_path, named
):
  write(tmp_path / 'lists/k400_val.csv', HEAD + f'a,v,3,13,{named}\n')
  assert list(read(tmp_path, tmp_path / 'lists').splits) == ['validation']


def test_a_column_that_contradicts_the_name_of_a_list_is_refused(tmp_path):
  write(tmp_path / 'lists/val.csv', HEAD + 'a,v,3,13,val\na,w,3,13,train\n')
  with pytest.raises(
    errors.InputError,
    match=r"val\.csv: line 3: split 'train' contradicts the name of the file;",
  ):
    read(tmp_path, tmp_path / 'lists')


@pytest.mark.parametrize(
  ('named', 'split'), [('validate', 'validation'), ('holdout', 'train')]
)
def test_the_column_of_a_single_list_wins_over_its_name_with_a_warning(
  tmp_path, caplog, named, split
):
  text = HEAD + f'a,v,3,13,train\na,w,3,13,{named}\n'
  found = read(tmp_path, write(tmp_path / 'train.csv', text))
  assert found.splits[split][-1].id == 'w_000003_000013'
  assert f"in 1 lines, such as line 3 ('{named}')" in caplog.text


def test_one_file_may_have_all_splits_and_columns_in_any_order(tmp_path):
  names = write(
    tmp_path / 'all.csv',
    'split,is_cc,time_end,time_start,youtube_id,label\n'
    'test,0,2,1,v,\nvalidate,0,2.0,1.0,v,b\ntrain,0,2,1,w,a\n',
  )
  found = read(tmp_path, names)
  assert {split: len(each) for split, each in found.splits.items()} == {
    'train': 1,
    'validation': 1,
    'test': 1,
  }
  assert found.class_names == ('a', 'b')


def test_a_file_without_a_column_of_splits_has_its_name(tmp_path):
  text = 'label,youtube_id,time_start,time_end\na,v,1,2\n'
  names = write(tmp_path / 'kinetics_700_val.csv', text)
  assert list(read(tmp_path, names).splits) == ['validation']
  names = write(tmp_path / 'other.csv', text)
  with pytest.raises(
    errors.InputError, match='the name of the file tells none'
  ):
    read(tmp_path, names)


def test_a_clip_that_stands_there_twice_is_taken_once(tmp_path, caplog):
  names = write(
    tmp_path / 'x.csv', HEAD + 'a,v,1,2,train\nb,v,1,2,train\na,v,2,3,train\n'
  )
  samples = read(tmp_path, names).splits['train']
  assert [(each.id, each.label) for each in samples] == [
    ('v_000001_000002', 'a'),
    ('v_000002_000003', 'a'),
  ]
  assert 'clips that stand there again (1): v_000001_000002' in caplog.text


def test_the_label_map_fixes_the_order(tmp_path):
  layout = miniatures.kinetics(tmp_path)
  order = (PETTING, 'zumba', ABSEILING, HEAD_MASSAGE)
  assert kinetics.read(layout.request(class_names=order)).class_names == order


def test_labels_that_the_label_map_lacks_are_one_error(tmp_path):
  layout = miniatures.kinetics(tmp_path)
  with pytest.raises(errors.InputError) as error:
    kinetics.read(layout.request(class_names=('abseil', 'petting animal')))
  assert str(error.value) == (
    f'{tmp_path}/annotations: the label map lacks 3 of 3 labels: '
    "'abseiling' (4 videos), \"massaging person's head\" (3 videos), "
    "'petting animal (not cat)' (2 videos); it has 'abseil'"
  )


def test_without_lists_the_folders_give_the_labels(tmp_path, caplog):
  touch(
    tmp_path,
    'train/riding_a_bike/-v_000001_000011.mp4',
    'train/riding_a_bike/-v_000001_000011.webm',
    'train/petting animal (not cat)/_w_000001_000011.mp4',
    'val/riding_a_bike/x.mp4',
  )
  with caplog.at_level(logging.WARNING):
    found = read(tmp_path)
  assert found.class_names == ('petting animal (not cat)', 'riding a bike')
  assert [(each.id, each.path) for each in found.splits['train']] == [
    ('_w_000001_000011', 'train/petting animal (not cat)/_w_000001_000011.mp4'),
    ('-v_000001_000011', 'train/riding_a_bike/-v_000001_000011.mp4'),
  ]
  assert '1 videos have several files' in caplog.text


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('train/v_000001_000011.mp4', 'tell the labels of the videos; see --annot'),
    ('v_000001_000011.mp4', 'tell the labels of the videos; see --annot'),
    ('a/v_000001_000011.mp4', 'has no folders train, val or test'),
  ],
)
def test_folders_that_give_no_labels_are_refused(tmp_path, name, message):
  touch(tmp_path, name)
  with pytest.raises(errors.InputError, match=message):
    read(tmp_path)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'has no rows below a header'),
    (HEAD, 'has no rows below a header'),
    ('a,b\nc,d\n', 'line 1 has no column youtube_id'),
    (HEAD + 'a,v,1,2\n', 'line 2 has 4 fields'),
    (HEAD + 'a,v,1,2,train\n\n', 'line 3 is blank'),
    (HEAD + 'a,v,2,2,train\n', 'line 2: the end is not after the start'),
    (HEAD + 'a,v,x,2,train\n', "line 2: a time: 'x' is not a whole number"),
    (HEAD + 'a,v,-1,2,train\n', "line 2: a time: '-1' is not a whole number"),
    (HEAD + 'a,../v,1,2,train\n', "line 2: '../v' is no id of a video"),
    (HEAD + 'a,,1,2,train\n', "line 2: '' is no id of a video"),
    (HEAD + 'a,v,1,2,holdout\n', "line 2: split 'holdout' is not train"),
    (HEAD + ',v,1,2,train\n', 'line 2: has no label'),
    (HEAD + 'a ,v,1,2,train\n', 'line 2: a class name begins or ends'),
    (
      HEAD.replace('split', 'label') + 'a,v,1,2,b\n',
      "column 5: the name 'label' is that of",
    ),
  ],
)
def test_malformed_lists_are_named_with_their_line(tmp_path, text, message):
  names = write(tmp_path / 'x.csv', text)
  with pytest.raises(errors.InputError, match=rf'x\.csv: {message}'):
    read(tmp_path, names)


def test_folders_of_lists_that_cannot_be_told_apart_are_refused(tmp_path):
  with pytest.raises(errors.InputError, match=r'there is no \*\.csv'):
    read(tmp_path, tmp_path)
  write(tmp_path / 'a/classes.csv', '')
  with pytest.raises(errors.InputError, match=r'has no train\.csv, val\.csv'):
    read(tmp_path, tmp_path)
  write(tmp_path / 'a/train.csv', HEAD)
  write(tmp_path / 'a/k600_train.csv', HEAD)
  with pytest.raises(
    errors.InputError, match=r'k600_train\.csv and train\.csv'
  ):
    read(tmp_path, tmp_path)


def test_a_wanted_split_that_is_not_there_is_refused(tmp_path):
  names = write(tmp_path / 'x.csv', HEAD + 'a,v,1,2,train\n')
  with pytest.raises(
    errors.InputError, match='there is no test split, only train; see --splits'
  ):
    read(tmp_path, names, splits=('train', 'test'))

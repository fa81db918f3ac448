"""Records that MediaPipe and DMVR write train the RGB stream.

The keys stand here as the two projects publish them: MediaPipe in
mediapipe/util/sequence/README.md, DMVR in examples/generate_from_file.py.
"""

import cv2
import numpy as np
import pytest
import small_records
import small_videos
import tensorflow as tf

from two_stream import errors
from two_stream.datasets import label_map
from two_stream.records import clips, record_index

NUM_FRAMES = 20


def features(kind, values):
  return tf.train.Feature(**{f'{kind}_list': {'value': values}})


def feature_list(kind, values):
  return tf.train.FeatureList(feature=[features(kind, [v]) for v in values])


def mediapipe_example(label):
  """What MediaPipe's media_sequence helpers write for a clip of Kinetics."""
  frames = small_videos.textured_frames(NUM_FRAMES, (240, 226), label)
  encoded = [
    cv2.imencode('.jpg', frame[..., ::-1])[1].tobytes() for frame in frames
  ]
  return tf.train.SequenceExample(
    context=tf.train.Features(
      feature={
        'clip/data_path': features('bytes', [b'/videos/abc.mp4']),
        'clip/start/timestamp': features('int64', [0]),
        'clip/end/timestamp': features('int64', [10_000_000]),
        'clip/label/index': features('int64', [label]),
        'clip/label/string': features('bytes', [b'Resting']),
        'image/format': features('bytes', [b'JPEG']),
        'image/channels': features('int64', [3]),
        'image/height': features('int64', [226]),
        'image/width': features('int64', [240]),
        'image/frame_rate': features('float', [25.0]),
      }
    ),
    feature_lists=tf.train.FeatureLists(
      feature_list={
        'image/encoded': feature_list('bytes', encoded),
        'image/timestamp': feature_list(
          'int64', [40_000 * i for i in range(NUM_FRAMES)]
        ),
      }
    ),
  )


def dmvr_example(label):
  """What DMVR's example program writes."""
  example = mediapipe_example(label)
  for key in list(example.context.feature):
    if key not in ('clip/label/index', 'clip/label/string'):
      del example.context.feature[key]
  example.context.feature['clip/label/text'].bytes_list.value.append(b'Resting')
  del example.feature_lists.feature_list['image/timestamp']
  return example


EXAMPLES = {'MediaPipe': mediapipe_example, 'DMVR': dmvr_example}


@pytest.fixture(name='folder', params=EXAMPLES)
def write_folder(request, tmp_path):
  path = tmp_path / 'train-00000-of-00001.tfrecord'
  with tf.io.TFRecordWriter(str(path)) as writer:
    for label in range(3):
      writer.write(EXAMPLES[request.param](label).SerializeToString())
  names = label_map.to_text(small_records.CLASS_NAMES)
  (tmp_path / 'label_map.txt').write_text(names)
  return tmp_path


def test_clips_for_training_are_those_frames(folder):
  index = record_index.of_split(folder, 'train', ['rgb'])
  reading = clips.Reading(
    records=index,
    stream='rgb',
    num_frames=16,
    flipped_labels=[0, 1, 2],
    seed=1,
  )
  batches = clips.training_clips(
    reading, 3, clips.Turn(), tf.constant(0, tf.int64)
  )
  batch = next(iter(batches.as_numpy_iterator()))
  assert batch['clip'].shape == (3, 16, 224, 224, 3)
  assert sorted(batch['label']) == [0, 1, 2]
  assert not batch['attempts'].any()


def test_clips_for_testing_are_all_frames_but_the_last(folder):
  index = record_index.of_split(folder, 'train', ['rgb'])
  for label, element in enumerate(
    clips.test_clips(index, 'rgb').as_numpy_iterator()
  ):
    frames = small_videos.textured_frames(NUM_FRAMES, (240, 226), label)
    expected = frames[:-1, 1:225, 8:232]
    assert element['clip'].shape == expected.shape
    assert np.abs(element['clip'].astype(int) - expected).mean() < 3
    assert element['label'] == label


def test_their_lack_of_flow_is_one_line(folder):
  with pytest.raises(errors.InputError, match='has no optical flow'):
    record_index.of_split(folder, 'train', ['flow'])

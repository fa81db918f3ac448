"""The bar counts what failed, what is missing, and notes on the videos."""

from two_stream.preprocessing import progress_of_videos, worker_pool
from two_stream.records import schema


def record(*notes):
  return schema.Record(
    context={schema.NOTES: [note.encode() for note in notes]},
    feature_lists={schema.FLOW_ENCODED: [b'', b'']},
  )


def test_results_are_passed_on_and_counted(capfd):
  results = [
    record('odd'),
    worker_pool.Failure('broken'),
    worker_pool.Failure('not there', is_missing=True),
    record('odd', 'long'),
  ]
  with progress_of_videos.ProgressOfVideos(len(results)) as bar:
    assert list(bar.follow(iter(results))) == results
  lines = capfd.readouterr().err.splitlines()
  assert '4/4 videos' in lines[-3]
  assert '1 failed, 1 missing' in lines[-3]
  assert lines[-2:] == ['2 videos: odd', '1 video: long']

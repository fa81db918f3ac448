"""The bar of features tells parts of videos, failures and notes."""

from two_stream.evaluation import feature_progress


def test_a_long_video_moves_the_bar_as_it_goes_on(capsys):
  with feature_progress.FeatureProgress(3) as bar:
    bar.skip_video()
    bar.go_on(2, 100.0, 50.0)
    bar.go_on(2, 125.0, 50.0)
    assert bar._bar.n == 0.5
    bar.go_on(2, 999.0, 50.0)
    assert bar._bar.n == 0.99
    bar.finish_video('', ['odd', 'rare'])
    assert bar._bar.n == 1
    bar.go_on(1, 7.0, 0.0)
    bar.finish_video('failed', ['odd'])
    assert (bar._bar.n, bar._bar.total) == (2, 2)
  output = capsys.readouterr().err
  assert '2.00/2 videos' in output
  assert ' 1 failed' in output
  assert output.endswith('2 videos: odd\n1 video: rare\n')

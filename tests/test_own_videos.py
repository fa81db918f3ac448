"""One's own videos are divided by a seeded draw that new videos respect."""

import pytest

from two_stream.datasets import data_set, own_videos


def samples(*counts, parts=1):
  """So many videos of each class, each in so many parts."""
  return [
    data_set.Sample(
      id=f'{label}/{i}@{part}', path=f'{label}/{i}', label=str(label)
    )
    for label, count in enumerate(counts)
    for i in range(count)
    for part in range(parts)
  ]


@pytest.mark.parametrize(
  ('share', 'expected'),
  [
    (0.0, {}),
    (0.01, {'0': 1, '1': 1, '3': 1, '4': 1}),
    (0.1, {'0': 10, '1': 1, '3': 1, '4': 1}),
    (0.5, {'0': 50, '1': 5, '3': 1, '4': 2}),
    (0.999, {'0': 99, '1': 9, '2': 1, '3': 1, '4': 2}),
    (1.0, {'0': 100, '1': 10, '2': 1, '3': 2, '4': 3}),
  ],
)
def test_each_class_of_two_has_videos_in_both_splits(share, expected):
  members = samples(100, 10, 1, 2, 3)
  divided = own_videos.divide(members, share, 0)
  counts = {}
  for sample in divided['validation']:
    counts[sample.label] = counts.get(sample.label, 0) + 1
  assert counts == expected
  assert sorted(divided['train'] + divided['validation']) == sorted(members)


def test_the_seed_decides_and_the_order_of_the_list_does_not():
  members = samples(40)
  draw = lambda listed, seed: set(
    own_videos.divide(listed, 0.25, seed)['validation']
  )
  assert draw(members, 0) == draw(members[::-1], 0)
  assert draw(members, 0) != draw(members, 1)


def test_a_new_video_moves_at_most_one_other():
  for count in range(2, 60):
    before, after = (
      set(own_videos.divide(samples(n), 0.2, 3)['validation'])
      for n in (count, count + 1)
    )
    assert len(before - after) <= 1


def test_parts_of_a_video_stay_together():
  divided = own_videos.divide(samples(10, parts=5), 0.3, 0)
  paths = [{each.path for each in divided[split]} for split in divided]
  assert not set.intersection(*paths)
  assert len(divided['validation']) == 15

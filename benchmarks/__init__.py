"""Programs that print ratios of times, taken in turns in a single run.

Run them from the checkout as `python -m benchmarks.NAME`. They use i3d and
two_stream and nothing of tests/; docs/performance.md tells what they measured.
"""

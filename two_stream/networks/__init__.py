"""Networks and their weights: reading, writing, inflating and fast inference.

Imports the ground alone. i3d.py, which declares the network, counts as a part
of this package: it imports `batch_norm` and `layers`, and others import it.
"""

"""Networks and their weights: reading, writing, inflating and fast inference.

Imports the ground and i3d, which declares the network itself.
"""

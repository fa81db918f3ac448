"""Clips as TFRecord files: how they are written, found, counted and read.

Imports networks, datasets, video and the ground.
"""

"""From a video to pixels and optical flow, with NumPy and OpenCV.

Imports the ground alone, and never TensorFlow: worker processes, which load
this package, start in well under a second and stay small.
"""

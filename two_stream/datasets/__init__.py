"""What a data set says of its videos: class names, labels and splits.

Imports the ground alone, and never TensorFlow. A new data set is one module in
this package.
"""

"""What the scripts share: checkpoints, preprocessing, clips and training."""

import os

# TensorFlow's start-up notes are no news to a user; its warnings are.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '1')

"""What the scripts share: checkpoints, preprocessing, clips and training."""

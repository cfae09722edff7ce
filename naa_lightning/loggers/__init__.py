"""What experiment trackers are told: W&B, TensorBoard, and any logger of Lightning."""

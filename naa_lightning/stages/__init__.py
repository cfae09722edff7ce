"""What a run consists of, each part in its own file and joined in `pipeline`."""

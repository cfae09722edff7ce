"""What one run does: its stages in order, and studies."""

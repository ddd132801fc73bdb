"""A run on disk: its job, checkpoints, outputs, sidecar, and making it again."""

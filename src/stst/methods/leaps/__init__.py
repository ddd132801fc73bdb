"""Learned preconscious synthesis: clips that a video classifier takes for a class."""

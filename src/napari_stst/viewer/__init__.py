"""Clips in the viewer: layers, playing, docks, closing."""

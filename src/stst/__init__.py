"""Dynamic visual stimuli by spatiotemporal style transfer."""

__version__ = "0.1.0"

"""The version of this code, which sidecars and reports name."""

__version__ = "0.2.0"

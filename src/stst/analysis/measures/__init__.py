"""Measures beyond the low-level features: energy, coherence of motion, light.

A module for each; what they share, optical flow and spectra, has modules of its own.
"""

"""Centred kernel alignment of models' layers, beside that of unrelated clips."""

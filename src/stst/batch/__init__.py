"""Many stimuli at once: from a manifest to files, side by side, on one machine or on a cluster."""

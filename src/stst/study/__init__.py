"""What a set of stimuli keeps of its natural clips and what it has lost, on a page."""

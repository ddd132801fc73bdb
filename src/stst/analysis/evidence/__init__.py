"""Values of stimuli beside those of their natural clips and of nulls: taken, read and listed."""

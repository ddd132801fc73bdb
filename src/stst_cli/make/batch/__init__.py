"""``stst batch``: many stimuli at once."""

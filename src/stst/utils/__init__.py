"""What knows nothing of stimuli: files, locks, processes, words."""

"""Training of PredNet on a user's own clips."""

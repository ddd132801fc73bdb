"""The optimisation loop and the methods that run on it."""

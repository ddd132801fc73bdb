"""The methods that make stimuli, a folder each; ``prepare`` is the door of each."""

"""The widgets that make stimuli."""

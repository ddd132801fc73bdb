"""The commands of ``stst``."""

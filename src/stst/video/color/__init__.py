"""From decoded values of any depth and range to 8-bit RGB."""

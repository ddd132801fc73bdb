"""What every method shares: the loop, losses, colour transfer, events."""

"""What clips are stored in: containers, streams, pictures, arrays."""

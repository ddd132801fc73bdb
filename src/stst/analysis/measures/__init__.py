"""What a clip holds: a module for each measure; what they share has modules of its own."""

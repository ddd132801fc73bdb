"""What a clip holds, a module for each measure."""

"""What a viewer makes, one after the other, and how far it is."""

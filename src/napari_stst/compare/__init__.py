"""Looking at clips beside each other, and measuring them."""

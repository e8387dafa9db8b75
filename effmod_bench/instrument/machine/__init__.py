"""What machine this is, and what it does meanwhile."""

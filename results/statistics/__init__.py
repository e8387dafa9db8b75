"""What follows from records. Pure: nothing here is stored, and nothing here reads a file."""

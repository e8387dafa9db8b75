"""What follows from records. Pure: nothing here is stored, and no store is read."""

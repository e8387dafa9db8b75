"""What is stored, one file a record: the types, and what each of their fields means."""

"""What is stored: one file a record, and what each of its fields means."""

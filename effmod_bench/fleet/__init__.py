"""Other machines that jobs are timed on: what they need is brought there, and nothing of it stays running."""

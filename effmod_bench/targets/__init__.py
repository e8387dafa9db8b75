"""What a name on the command line stands for, and how it becomes a file that can be timed."""

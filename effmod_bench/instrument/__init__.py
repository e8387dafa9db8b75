"""The instrument: it times files in processes of their own, knows no command, and prints nothing."""

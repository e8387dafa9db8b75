"""Tables: which columns there are, what stands above and under them, and how one is written."""

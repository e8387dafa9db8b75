"""The zoo: which networks there are, how one is found and built, counted, and given weights."""

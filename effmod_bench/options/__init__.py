"""Each option once, with its rules: what it is called, what it takes, what it means and what it does not go with."""

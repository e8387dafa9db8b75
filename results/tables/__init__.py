"""Tables: which columns there are, and how one is written for a program, a paper or a page."""

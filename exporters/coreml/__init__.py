"""Core ML: from a network to a package, and from a package to what it computes."""

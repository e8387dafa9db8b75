"""One invocation: what it is asked, what it needs, what it measures."""

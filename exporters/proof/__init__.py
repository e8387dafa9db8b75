"""Whether a file computes what its network computes, and how often it is right."""

"""A saved Core ML package, computed with torch, where Core ML does not exist."""

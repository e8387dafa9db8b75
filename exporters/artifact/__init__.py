"""A file or package as it lies on disk: its name, hashes and sidecar, its way into a folder or the cache."""

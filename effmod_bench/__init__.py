"""The `effmod` command and the instrument behind it."""

__version__ = "0.1.0"

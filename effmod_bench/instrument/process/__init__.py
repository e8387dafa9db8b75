"""The process in which something is timed, and how it is started and followed."""

"""Runtimes that can be timed, one file each."""

"""Profilers of runtimes, one file each."""

"""Pictures of measurements, a file each."""

"""Training: recipes as data, images of a folder, the loop, and the checkpoints that it leaves."""

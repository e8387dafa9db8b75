"""The fastest way to run a network: what is tried, how it is proved equal, how it races, and what is said of it."""

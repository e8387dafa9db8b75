"""Stores that travel: packed into a zip without what tells of hosts and users, and read from a stranger's."""

"""What a user's file or function can hang or crash happens in a process of its own, which ends without effmod."""

"""MIL's operators in torch, by what they do."""

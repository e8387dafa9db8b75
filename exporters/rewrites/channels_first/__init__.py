"""Bring a network channels-first: `rewrite.py` says how, and shows the algebra."""

from exporters.rewrites.channels_first.rewrite import EQUIVALENCE, NAME, rewrite

__all__ = ["EQUIVALENCE", "NAME", "rewrite"]

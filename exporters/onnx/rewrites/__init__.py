"""Rewrites of a user's own ONNX file, by onnxscript's rules and onnxsim.

Importing this package imports neither onnx nor torch.
"""

NAMES = ("static_shapes", "gelu", "batch_norm", "matmul_to_conv", "simplify")
"""All of them, in the order in which they are applied; a test holds the registry to it."""

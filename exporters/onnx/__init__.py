"""ONNX: from a network to a file, and what may be read of a file before a runtime sees it."""

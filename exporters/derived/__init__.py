"""ONNX files made of others: rewritten, for one kind of machine, in int8."""

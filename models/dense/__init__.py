"""Detectors and segmenters on the backbones of the paper's Tables 7 and 11, for measuring their latency.

Importing this package imports no torch; `models.dense.build` does.
"""

"""Reads the log for a prefix or an export: which entries, and each as it is when it is read."""

from amaranth.lib import data

ScanRequest = data.StructLayout({"slot": 8, "count": 96, "bound": 96})
"""``slot``: whose prefix, or ``links`` for an export.  ``count``: the node's own FLOPs, freshly sampled.
``bound``: what a stream may add to them, else 0."""

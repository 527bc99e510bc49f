"""Op events: what an execution unit reports in the cycle in which it does the work (D5)."""

from amaranth.lib import data

OpEvent = data.StructLayout({"valid": 1, "op_class": 8, "count": 16})
"""``count`` operations of ``op_class`` are done in this cycle, if ``valid``."""

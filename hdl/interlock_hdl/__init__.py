"""Gateware of the Interlock: one file a block, named as in ``docs/architecture.md``."""

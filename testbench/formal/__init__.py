"""Proofs: components that hold a block and what must be true of it, and the tools that prove them."""

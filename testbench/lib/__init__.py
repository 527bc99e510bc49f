"""Bench components that every test uses: building and running, streams, seeds."""

"""Blocks on the open flow for FPGAs: harness, synthesis, place and route, and what their reports say."""

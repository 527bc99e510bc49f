"""Mutations: faults put into the gateware one at a time, each of which some test must notice."""

"""Golden model, drivers and command line of the Interlock."""

"""Campaigns: random histories of whole nodes in lockstep, as many as there is time for."""

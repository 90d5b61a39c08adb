"""Measurements of the SDK itself. Nothing here is asserted: numbers are printed for people."""

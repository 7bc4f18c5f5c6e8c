"""Names of the targets that every city has; those of its other systems stand in its configuration."""

TRACKER = "tracker"
"""Holds the cases."""

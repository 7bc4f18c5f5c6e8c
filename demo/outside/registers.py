"""Whom the registers behind the simulated MAGDA know: people and companies of the demo whose log-in tells a number and no name."""

from collections.abc import Mapping

PERSONS: Mapping[str, tuple[str, str]] = {
    "84021511450": ("Bram", "Verlinden"),
    "91070822639": ("Mia", "Goris"),
}
"""First names and last name by INSZ."""
COMPANIES: Mapping[str, str] = {
    "0412345614": "Garage Vaartkom BV",
    "0456789034": "Drukkerij De Letter NV",
}
"""Registered names by KBO number."""

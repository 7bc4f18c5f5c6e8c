"""The stage of the portals, for the doors of this one."""

from tests.adapters.acmidm.conftest import host, stage

__all__ = ["host", "stage"]

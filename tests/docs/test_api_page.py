"""What docs/integrators/api.md tells a system to do, done against a running hub."""

import re
import types

from tests.console.api.test_description import served
from tests.shipped import ROOT

__all__ = ["served"]

PAGE = ROOT / "docs" / "integrators" / "api.md"


def the_page():
    module = types.ModuleType("page_api_in_use")
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - our own page
    return module


def test_a_system_does_what_the_page_says(served):
    page = the_page()
    address, token = served
    with page.connect(address, token) as hub:
        event = page.an_event("ticket-17", "De kassa gaf vanmorgen geen ticket.")

        expected = page.would_go_to(hub, event)
        receipt = page.submit(hub, event)
        assert page.submit(hub, event)["receipt"] == receipt["receipt"]
        end = page.outcome(hub, receipt["receipt"])
        news, position = page.read_news(hub, "0")

    assert (end["state"], end["case"]["group"]) == ("accepted", expected)
    assert end["case"]["tracker_number"]
    assert [one["type"] for one in news] == ["be.wegwijzer.case.accepted.v1"]
    assert news[0]["data"]["about"] == {"source": "/zwembad/kassa/3", "id": "ticket-17"}
    assert position == "1"

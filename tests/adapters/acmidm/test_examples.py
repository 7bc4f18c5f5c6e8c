"""The examples of settings on the portals' pages really build."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from adapters.eloket import build as build_eloket
from adapters.mijn_burgerprofiel import build as build_mijn_burgerprofiel
from adapters.verenigingsloket import build as build_verenigingsloket
from demo.acmidm import AcmIdm
from tests.adapters.acmidm.conftest import KEY
from tests.adapters.acmidm.portal import Stage
from tests.shipped import ROOT

BUILDS = {
    "mijn_burgerprofiel": build_mijn_burgerprofiel,
    "eloket": build_eloket,
    "verenigingsloket": build_verenigingsloket,
}
ACM_KEY = RSAKey.generate_key(2048).as_pem(private=True).decode()


@pytest.mark.parametrize("name", BUILDS)
async def test_the_example_on_the_page_builds(name: str):
    page = (ROOT / "docs" / "adapters" / f"{name}.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    settings = with_secrets(tomllib.loads(example)["adapters"][name])
    system = settings.pop("system")
    stage = Stage(AcmIdm("https://acm.example/op", key=KEY))

    stage.portal(BUILDS[system], name, settings)

    await stage.close()


def with_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with something for each secret that they name, as the hub fills them in."""
    return {name: filled(value) for name, value in settings.items()}


def filled(value: Any) -> Any:
    if isinstance(value, dict):
        return with_secrets(value)
    if isinstance(value, list):
        return [filled(one) for one in value]
    if isinstance(value, str) and value.startswith("secret:"):
        return ACM_KEY if value == "secret:acm_key" else "x" * 40
    return value

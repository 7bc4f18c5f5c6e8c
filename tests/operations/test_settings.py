"""A configuration that cannot be used is refused by name, in words, and never with a traceback."""

import pytest
from click.testing import CliRunner

from hub import main
from ports.errors import MisconfiguredError
from settings import load
from tests.flows.small_hub import small_hub


@pytest.fixture
def folder(tmp_path):
    return small_hub(tmp_path)


@pytest.mark.parametrize("name", ["hub.toml", "dispatch.toml"])
def test_a_file_that_is_no_text_is_named(folder, name):
    (folder.hub_toml.parent / name).write_bytes(b"\xff\xfe[[[")
    with pytest.raises(MisconfiguredError, match=f"can't read .*{name}: it is not UTF-8"):
        load(folder.hub_toml)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_texts_that_cannot_be_read_are_named(folder, content):
    if content:
        (folder.hub_toml.parent / "own").mkdir()
        (folder.hub_toml.parent / "own" / "nl.toml").write_bytes(content)
    folder.hub_toml.write_text(folder.hub_toml.read_text().replace("[hub]", '[hub]\ntexts = "own"', 1))
    with pytest.raises(MisconfiguredError, match=r"can't read .*own"):
        load(folder.hub_toml)


def test_a_secret_that_is_no_text_is_named_and_not_told(folder):
    (folder.hub_toml.parent / "secrets" / "master_keys").write_bytes(b"geheim\xff")
    with pytest.raises(MisconfiguredError, match="secret 'master_keys' can't be read") as refused:
        load(folder.hub_toml).secrets.get("master_keys")
    assert "geheim" not in f"{refused.value!r} {refused.value.detail}"


@pytest.mark.parametrize("address", ["nonsens", "8080", "127.0.0.1:", "::1:8080", "a b:80", ""])
def test_an_address_to_listen_on_is_looked_at(folder, address):
    lines = [line for line in folder.hub_toml.read_text().splitlines() if not line.startswith("listen")]
    text = "\n".join(lines).replace("[hub]", f'[hub]\nlisten = "{address}"', 1)
    folder.hub_toml.write_text(text)
    with pytest.raises(MisconfiguredError, match=r"hub\.toml: hub\.listen"):
        load(folder.hub_toml)


def test_an_address_on_the_command_line_is_looked_at(folder):
    words = ["--config", str(folder.hub_toml), "run", "--listen", "nonsens"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "is geen ADRES:POORT" in result.output

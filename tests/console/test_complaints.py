"""What goes wrong at the command line is said in Dutch first, with the English detail where nobody translated it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.complaints import complaint, dutch
from console.wording import load
from hub import main
from ports.errors import (
    AdapterError,
    HubError,
    MisconfiguredError,
    NotUnderstoodError,
    RejectedError,
    TransientError,
    UncertainError,
)

ENGLISH = load("Europe/Brussels")["en"]


def wegwijzer(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    ("error", "dutch_words"),
    [
        (MisconfiguredError("the moon is full"), "Er klopt iets niet aan de configuratie of de opstelling"),
        (TransientError("the moon is full"), "probeer het later opnieuw"),
        (RejectedError("the moon is full"), "Dit wordt geweigerd"),
        (UncertainError("the moon is full"), "Dit is mislukt"),
        (NotUnderstoodError("the moon is full"), "Dit is mislukt"),
        (AdapterError("the moon is full"), "Dit is mislukt"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_nobody_translated_begins_in_dutch_and_keeps_its_detail(error: HubError, dutch_words: str):
    said = complaint(error, dutch())

    assert dutch_words in said
    assert said.endswith("In het Engels: the moon is full")
    assert complaint(error, ENGLISH) == "the moon is full"


def test_what_is_in_the_catalogue_is_said_in_dutch_alone():
    error = TransientError("the journal's database can't be used: could not connect; is it running?")

    said = complaint(error, dutch())

    assert said == "de databank van het journaal kan niet gebruikt worden: could not connect; is it running?"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--iets"], 2, "Fout: de optie --iets bestaat niet."),
        (["iets"], 2, "Fout: het commando iets bestaat niet."),
        (["work", "--iets"], 2, "Fout: de optie --iets bestaat niet."),
        (["credential", "iets"], 2, "Fout: het commando iets bestaat niet."),
        (["case"], 2, "ontbreekt."),
        (["work", "--limit", "0"], 2, "Fout: de waarde voor '--limit' klopt niet."),
        (["run", "--role", "iets"], 2, "Fout: de waarde voor '--role' klopt niet."),
        (["run", "iets"], 2, "Fout: zo kan dit commando niet."),
        (["run", "--listen", "iets"], 2, "is geen ADRES:POORT"),
        (
            ["database-roles", "--prefix", "X Y"],
            2,
            "Fout: de waarde voor --prefix klopt niet. letters, cijfers en _",
        ),
        (["demo", "--keep", "--distributed"], 2, "--keep kan niet met --distributed"),
    ],
)
def test_a_command_line_that_is_wrong_is_named_in_dutch(words: list[str], code: int, said: str):
    result = wegwijzer(*words)

    assert result.exit_code == code
    assert said in result.stderr
    assert "Error" not in result.stderr
    assert "Usage" not in result.stderr
    assert "Try '" not in result.stderr


def test_a_misused_command_shows_how_to_use_it():
    result = wegwijzer("work", "--iets")

    assert result.stderr.startswith("Gebruik: ")
    assert "work [OPTIONS]" in result.stderr
    assert "work --help\n" in result.stderr


@pytest.mark.parametrize("command", [["run"], ["check"], ["status"], ["migrate"], ["reload"]], ids=str)
def test_a_configuration_that_is_not_there_is_said_in_dutch(command: list[str], tmp_path: Path):
    result = wegwijzer("--config", str(tmp_path / "hub.toml"), *command)

    assert result.exit_code == 1
    assert (
        result.stderr == f"Fout: {tmp_path / 'hub.toml'} kan niet gelezen worden: No such file or directory\n"
    )


def test_a_configuration_that_is_wrong_begins_in_dutch(tmp_path: Path):
    (tmp_path / "hub.toml").write_text("[hub]\nlisten = 7\n")

    result = wegwijzer("--config", str(tmp_path / "hub.toml"), "check")

    assert result.exit_code == 1
    assert result.stderr.startswith("Fout: Er klopt iets niet aan de configuratie")
    assert "hub.listen" in result.stderr

"""`wegwijzer customer`: the same gate as the page; the number comes from standard input."""

import json

import pytest

from cli.terminal import account
from tests.console.seed import City
from tests.console.test_cli import Run, copied, run

__all__ = ["copied", "run"]

GATE = ("--purpose", "contact", "--reason", "belt nu")


def test_the_history_for_machines_is_masked(run: Run, copied: City):
    result = run("customer", "--by", "phone", *GATE, "--json", answers="0470 12 34 56\n")

    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["shown"] == "+32 *** 56"
    assert [row["case"]["ref"] for row in found["rows"]][-1] == copied.cases["answered"]
    assert {row["citizen"]["name"] for row in found["rows"]} == {"M*** P***"}
    for secret in ("Peeters", "voorbeeld.be", "470123456", "85073003328"):
        assert secret not in result.output


def test_the_history_in_words_goes_on_where_it_stopped(run: Run, copied: City):
    first = run("customer", "--by", "phone", *GATE, "--limit", "3", answers="0470123456\n")
    key = first.stdout.rstrip().rpartition("--before ")[2]
    last = run("customer", "--by", "phone", *GATE, "--before", key, answers="0470123456\n")

    assert "Telefoonnummer +32 *** 56" in first.stdout
    assert copied.cases["answered"] not in first.stdout
    assert f"{copied.cases['answered']}  " in last.stdout
    assert "Beantwoord: ja" in last.stdout


def test_the_look_stands_in_the_audit_trail(run: Run, copied: City, tmp_path):
    import sqlite3
    from contextlib import closing

    run("customer", "--by", "phone", *GATE, "--actor", "els", answers="0470123456\n")

    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        rows = journal.execute(
            "SELECT actor, subject, detail FROM audit WHERE action = 'customer_looked_up'"
        ).fetchall()
    assert {(row[0], row[2]) for row in rows} == {(f"els ({account()})", "contact: belt nu")}
    assert all(row[1].startswith("customer/phone/") for row in rows)
    assert "470123456" not in str(rows)


@pytest.mark.parametrize(
    ("words", "number", "code"),
    [
        (("--by", "phone"), "0470123456\n", 2),
        (("--by", "name", *GATE), "Maria\n", 2),
        (("--by", "phone", "--purpose", "curious", "--reason", "zomaar"), "0470123456\n", 2),
        (("--by", "phone", "--purpose", "contact", "--reason", "x"), "0470123456\n", 1),
        (("--by", "phone", *GATE), "12\n", 1),
        (("--by", "phone", *GATE), "", 1),
        (("--by", "email", *GATE), "nobody@nowhere.example\n", 1),
        (("--by", "phone", *GATE, "0470123456"), "", 2),
    ],
)
def test_without_purpose_reason_or_whole_number_nothing_is_shown(run: Run, words, number, code):
    result = run("customer", *words, answers=number)

    assert result.exit_code == code
    assert "LEU-" not in result.stdout

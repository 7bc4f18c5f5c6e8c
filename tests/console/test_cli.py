"""The console in a terminal."""

import json
import os
import pwd
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from shutil import copy

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.exc import OperationalError

from cli.console import commands
from cli.terminal import actor_here
from console.wording import read_texts
from journal.journal import Journal
from ports.errors import MisconfiguredError, TransientError
from tests.console.seed import City, open_city

Run = Callable[..., Result]


@pytest.fixture
def copied(morning: City, tmp_path: Path) -> City:
    """A copy of the morning that each command opens for itself."""
    path = tmp_path / "journal.db"
    copy(str(morning.journal.database.engine.url.database), path)
    return City(morning.journal, morning.clock, morning.cases, morning.messages)


@pytest.fixture
def run(copied: City, tmp_path: Path) -> Run:
    """Runs a command line as the hub's own group would."""

    @asynccontextmanager
    async def open_journal() -> AsyncIterator[Journal]:
        city = open_city(f"sqlite:///{tmp_path / 'journal.db'}", copied)
        await city.journal.start()
        try:
            yield city.journal
        finally:
            await city.journal.close()

    console = commands(open_journal, lambda: ("parkeren", "kassa"))
    group = click.Group("wegwijzer", commands={one.name: one for one in console})

    def run_one(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(group, words, input=answers, catch_exceptions=False)

    return run_one


def parked_effect(run: Run) -> str:
    cards = json.loads(run("failures", "--json").stdout)["cards"]
    return next(card for card in cards if card["error"] == "RejectedError")["samples"][0]


def test_status_says_what_needs_somebody_and_exits_so(run: Run):
    result = run("status")

    assert result.exit_code == 4
    assert "De balans klopt: er is niets verloren." in result.stdout
    assert "dosis    storing" in result.stdout


def test_status_for_machines(run: Run):
    status = json.loads(run("status", "--json").stdout)

    assert status["needing"] == {"effects": 2, "messages": 2, "quarantined": 2}
    assert status["balance_difference"] == 0
    assert {one["name"]: one["state"] for one in status["systems"]} == {
        "dosis": "down",
        "mail": "paused",
        "tracker": "up",
    }


def test_messages_of_one_state(run: Run, copied: City):
    page = json.loads(run("messages", "--state", "quarantined", "--json").stdout)

    assert {row["id"] for row in page["rows"]} == {copied.messages["spam"], copied.messages["ham"]}


def test_messages_go_on_where_the_page_ended(run: Run):
    first = json.loads(run("messages", "--limit", "5", "--json").stdout)
    second = json.loads(run("messages", "--limit", "5", "--before", first["older"], "--json").stdout)

    assert len(first["rows"]) == len(second["rows"]) == 5
    assert first["rows"][-1]["id"] > second["rows"][0]["id"]


def test_columns_stand_under_each_other_without_colours(run: Run):
    lines = run("messages", "--limit", "8").stdout.splitlines()[:8]

    assert len({line.index("web") if "web" in line else line.index("mailbox") for line in lines}) == 1
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("reference", ["q1@claes.example", "leu-2026-000003", "message"])
def test_a_case_by_any_reference(run: Run, copied: City, reference: str):
    reference = copied.messages["question"] if reference == "message" else reference

    result = run("case", reference)

    assert result.exit_code == 0
    assert result.stdout.startswith("LEU-2026-000003  Vraag  nieuw")
    assert "W*** C***  w***@c***.example" in result.stdout
    assert "claes.example" not in result.stdout.replace("c***.example", "")


def test_a_reference_of_several_cases_names_them(run: Run, tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
        journal.execute(
            "UPDATE case_references SET shared_by = case_ref WHERE system = 'mail-id' AND case_ref = 'LEU-2026-000003'"
        )
        journal.execute(
            "INSERT INTO case_references (hash, shared_by, case_ref, system, shown, at) SELECT hash, 'LEU-2026-000001', "
            "'LEU-2026-000001', system, shown, at FROM case_references WHERE system = 'mail-id' AND case_ref = 'LEU-2026-000003'"
        )

    result = run("case", "q1@claes.example")

    assert result.exit_code == 1
    assert "LEU-2026-000001" in result.stderr


def test_a_customer_is_not_found_without_a_purpose(run: Run):
    result = run("case", "maria.peeters@voorbeeld.be")

    assert result.exit_code == 1
    assert "wegwijzer customer" in result.stderr


def test_a_reference_of_nothing(run: Run):
    assert run("case", "niets").exit_code == 1
    assert run("explain", "niets").exit_code == 1
    assert run("replay", "0" * 32, "--reason", "zomaar", "--yes").exit_code == 1


def test_explain_names_the_rule_and_every_step(run: Run):
    text = run("explain", "LEU-2026-000007").stdout

    assert "Regel die paste: categorie wegdek + gebied kessel-lo" in text
    assert "dosis: nota toevoegen: gepland" in text
    assert "poging 1: later opnieuw (DOSIS geeft geen antwoord binnen 10 seconden)" in text


def test_explain_in_english(run: Run):
    assert "Rule that matched: categorie wegdek" in run("explain", "LEU-2026-000007", "--lang", "en").stdout


def test_the_balance_in_words(run: Run):
    result = run("balance")

    assert result.exit_code == 0
    assert result.stdout.startswith("De balans klopt: er is niets verloren.")
    assert re.search(r"2026-03-09 +mailbox:klantendienst( +[0-9]+){6} +0", result.stdout), result.stdout
    assert re.search(r"2026-03-09 +mail( +[0-9]+){5} +0", result.stdout), result.stdout


def test_the_balance_of_one_day_for_machines(run: Run):
    sheet = json.loads(run("balance", "--day", "2026-03-09", "--json").stdout)

    assert {row["day"] for row in (*sheet["sources"], *sheet["targets"])} == {"2026-03-09"}
    assert {row["target"] for row in sheet["targets"]} == {"dosis", "mail", "tracker"}


def test_the_balance_for_a_spreadsheet(run: Run):
    header = run("balance", "--csv").stdout.splitlines()[0]

    assert header == "\ufeffday;kind;name;received;done;waiting;parked;quarantined;dropped;difference"


def test_failures_say_who_must_act(run: Run):
    text = run("failures").stdout

    assert "Het systeem weigert\n  Aan zet: de eigenaar van het systeem" in text
    assert "2 x tracker: de tracker kent de groep 'Groendienst' niet" in text


def test_replay_shows_first_and_asks(run: Run):
    effect = parked_effect(run)

    result = run("replay", effect, "--reason", "groep bestaat", answers="n\n")

    assert result.exit_code == 1
    assert "Eerst nakijken" in result.stdout
    assert parked_effect(run) == effect


def test_replay_without_asking_is_done_and_written_down(run: Run):
    effect = parked_effect(run)

    result = run("replay", effect, "--reason", "groep bestaat", "--yes", "--actor", "jan", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["started"] == [effect]
    assert parked_effect(run) != effect


def test_replay_of_a_message_in_quarantine_lets_it_through(run: Run, copied: City):
    result = run("replay", copied.messages["ham"], "--reason", "gekend", "--yes", "--json")

    assert json.loads(result.stdout)["plan"]["decide_again"] is True
    state = json.loads(run("messages", "--state", "quarantined", "--json").stdout)
    assert [row["id"] for row in state["rows"]] == [copied.messages["spam"]]


def test_replay_of_what_was_never_understood_is_refused(run: Run, copied: City):
    assert run("replay", copied.messages["broken"], "--reason", "zomaar", "--yes").exit_code == 1


def test_erasing_reports_what_was_asked_and_what_is_left_to_people(run: Run, copied: City, tmp_path):
    ref = copied.cases["answered"]
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal, journal:
        journal.execute(
            "INSERT INTO work_items VALUES (?, 'erased-wegen', 'Wis het zelf bij wegen.', 1, NULL, '')",
            (ref,),
        )
        journal.execute(
            "UPDATE effects SET key = key || '/erased-trip-1', target = 'wegen', action = 'forget_work', "
            "state = 'skipped', reason = 'no way' WHERE id = (SELECT max(id) FROM effects WHERE case_ref = ?)",
            (ref,),
        )
    for _ in range(2):
        told = json.loads(run("erase", ref, "--reason", "gevraagd", "--yes", "--json").stdout)
        assert told["asked"] == [
            {"system": "wegen", "action": "forget_work", "state": "skipped", "reason": "no way"}
        ]
        assert [one["name"] for one in told["by_hand"]] == ["erased-wegen"]
    said = run("erase", ref, "--reason", "gevraagd", "--yes").stdout
    assert "wegen  werkopdracht wissen  opgegeven  no way" in said
    assert "- Wis het zelf bij wegen." in said


def test_pause_and_resume(run: Run):
    assert run("pause", "tracker", "--reason", "nieuwe versie").exit_code == 0
    board = {one["name"]: one for one in json.loads(run("status", "--json").stdout)["systems"]}
    assert (board["tracker"]["state"], board["tracker"]["paused_reason"]) == ("paused", "nieuwe versie")
    assert run("resume", "tracker").exit_code == 0
    nothing = run("pause", "niets", "--reason", "zomaar")
    assert (nothing.exit_code, nothing.stderr) == (1, "geen systeem heet 'niets'\n")
    assert "no system is called 'niets'" in run("resume", "niets", "--lang", "en").stderr


def test_a_user_by_standard_input(run: Run):
    result = run(
        *("user", "add", "Els", "--role", "kcc_viewer", "--role", "auditor", "--password-stdin"),
        answers="nog een lang wachtwoord\n",
    )

    assert result.exit_code == 0
    users = json.loads(run("user", "list", "--json").stdout)
    assert {"name": "els", "roles": ["kcc_viewer", "auditor"], "language": "nl"} in [
        {**one, "roles": sorted(one["roles"], reverse=True)} for one in users
    ]
    assert "wachtwoord" not in result.stdout


def test_a_weak_password_is_refused(run: Run):
    result = run("user", "add", "els", "--role", "auditor", "--password-stdin", answers="kort\n")

    assert result.exit_code == 1


def test_an_unknown_role_is_wrong_use(run: Run):
    assert run("user", "add", "els", "--role", "king", "--password-stdin", answers="x\n").exit_code == 2


@pytest.mark.parametrize(
    "error",
    [
        TransientError("it can't be opened now"),
        MisconfiguredError("it can't be opened: no key"),
        OperationalError("SELECT 1", {}, sqlite3.OperationalError("it can't be opened: no such folder")),
    ],
)
def test_a_journal_that_is_away(error: Exception):
    @asynccontextmanager
    async def away() -> AsyncIterator[Journal]:
        raise error
        yield

    status = next(one for one in commands(away, tuple) if one.name == "status")

    result = CliRunner().invoke(status, [])

    assert result.exit_code == 3
    assert "can't be opened" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_command_explains_itself(language: str):
    waiting = commands(lambda: pytest.fail("no journal is needed for help"), tuple, language=language)
    helps = []
    while waiting:
        command = waiting.pop()
        assert command.help in read_texts(language).values()
        helps += [option.help for option in command.params if isinstance(option, click.Option)]
        waiting += getattr(command, "commands", {}).values()

    assert all(helps)


def test_retention_tells_for_every_kind_how_much_the_oldest_and_what_goes_next(run: Run):
    found = {(one["term"], one["table"]): one for one in json.loads(run("retention", "--json").stdout)}
    assert found["messages", "messages"]["rows"] > 0
    assert found["messages", "messages"]["days"] == 400
    assert found["messages", "messages"]["due"] == 0
    assert found["raw", "bodies"]["oldest"].startswith("20")

    words = run("retention", "--lang", "en").stdout
    assert "understood content (bodies)" in words
    assert "To remove" in words


def new_plan(run: Run, *words: str) -> dict:
    result = run("replay", "plan", "--reason", "de groep bestaat nu", "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_replay_plan_is_made_and_said_in_plain_words(run: Run):
    plan_id = new_plan(run, "--remedy", "refused")["plan"]["id"]
    shown = run("replay", "show", plan_id).stdout

    assert f"{plan_id}  klaar om te starten" in shown
    assert "tracker: 2 zaken geopend" in shown
    assert "0 mails naar burgers" in shown
    assert "Eerst nakijken" in shown
    assert "2 cases opened" in run("replay", "show", plan_id, "--lang", "en").stdout
    lines = json.loads(run("replay", "show", plan_id, "--rows", "--verdict", "probe", "--json").stdout)
    assert [row["number"] for row in lines["rows"]] == [1, 2]
    assert plan_id in run("replay", "list").stdout


def test_a_plan_is_started_paused_resumed_and_cancelled(run: Run):
    plan_id = new_plan(run, "--target", "tracker")["plan"]["id"]
    refused = run("replay", "run", plan_id, answers="n\n")
    assert refused.exit_code == 1
    states = [
        json.loads(run("replay", *words, "--json").stdout)["plan"]["state"]
        for words in (
            ("run", plan_id, "--canary", "1", "--pace", "60", "--yes"),
            ("pause", plan_id, "--reason", "even kijken"),
            ("resume", plan_id),
            ("cancel", plan_id, "--reason", "toch niet"),
        )
    ]

    assert states == ["running", "paused", "running", "cancelled"]
    again = run("replay", "resume", plan_id)
    assert (again.exit_code, "dit plan is stopgezet" in again.output) == (1, True)


def test_named_messages_come_from_a_file_and_what_was_done_is_left_alone(
    run: Run, copied: City, tmp_path: Path
):
    names = tmp_path / "ids.txt"
    names.write_text("\n".join(copied.messages[name] for name in ("old", "answered", "question")))
    view = new_plan(run, "--ids-from", str(names))

    assert view["plan"]["state"] == "done"
    assert {one["verdict"] for one in view["totals"]} == {"skip"}
    assert run("replay", "run", view["plan"]["id"], "--yes").exit_code == 1


def test_no_variable_of_the_environment_says_who_is_at_the_keyboard(monkeypatch, tmp_path):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    login = tmp_path / "loginuid"
    monkeypatch.setattr("cli.terminal._LOGIN", login)
    owner = pwd.getpwuid(os.getuid()).pw_name
    assert actor_here("") == owner
    assert actor_here("jan") == f"jan ({owner})"
    login.write_text("4294967295")
    assert actor_here("") == owner
    login.write_text("987654")  # whoever logged in, before sudo
    assert actor_here("") == f"uid-987654 ({owner})"
    assert actor_here("jan") == f"jan ({owner})"


def test_who_made_a_plan_under_another_name_is_no_second_person(run: Run, monkeypatch):
    monkeypatch.setattr("cli.terminal.account", lambda: "kcc_dispatcher")
    plan_id = new_plan(run, "--error", "route", "--actor", "iemand-anders")["plan"]["id"]
    words = ("replay", "approve", plan_id, "--user", "kcc_dispatcher", "--password-stdin")
    for account in ("kcc_dispatcher", "els"):
        monkeypatch.setattr("cli.terminal.account", lambda account=account: account)
        refused = run(*words, answers="een lang wachtwoord\n")
        assert (refused.exit_code, "een tweede persoon moet goedkeuren" in refused.output) == (1, True)


def test_approving_asks_for_the_password_of_somebody_who_may(run: Run, monkeypatch):
    plan_id = new_plan(run, "--error", "route")["plan"]["id"]
    shared = run(
        *("replay", "approve", plan_id, "--user", "kcc_dispatcher", "--password-stdin"),
        answers="een lang wachtwoord\n",
    )
    assert (shared.exit_code, "niet met diens account" in shared.output) == (1, True)
    monkeypatch.setattr("cli.terminal.account", lambda: "els")
    assert run("replay", "run", plan_id, "--yes").exit_code == 1

    def approve(user: str, typed: str = "een lang wachtwoord") -> Result:
        return run("replay", "approve", plan_id, "--user", user, "--password-stdin", answers=f"{typed}\n")

    wrong, viewer = approve("kcc_dispatcher", "verkeerd wachtwoord"), approve("kcc_viewer")
    assert (wrong.exit_code, viewer.exit_code) == (1, 1)
    assert "wachtwoord klopt niet" in wrong.output
    assert "Uw rol laat dit niet toe" in viewer.output
    assert "Goedgekeurd door kcc_dispatcher (els)" in approve("kcc_dispatcher").stdout
    assert run("replay", "run", plan_id, "--yes").exit_code == 0


def test_a_plan_that_does_not_exist_and_a_filter_that_cannot_be_read_are_told(run: Run):
    nobody = run("replay", "show", "0" * 32)
    assert (nobody.exit_code, "geen herstelplan heeft nummer 00" in nobody.output) == (1, True)
    wrong = run("replay", "plan", "--since", "gisteren", "--reason", "zomaar")
    assert (wrong.exit_code, "schrijf een dag" in wrong.output) == (1, True)


def test_the_help_of_replay_names_both_ways(run: Run):
    helped = run("replay", "--help").stdout

    assert all(name in helped for name in ("one", "plan", "approve", "run", "cancel"))


def test_a_slip_of_the_pen_erases_nothing_and_says_so(run: Run, copied: City):
    slip = run("erase", "LEU-2026-999999", "--reason", "asked", "--yes")

    assert (slip.exit_code, slip.stdout) == (1, "")
    assert "Niets gevonden" in slip.stderr
    erased = run(
        "erase", f" {next(iter(copied.cases.values())).lower()} ", "--reason", "asked", "--yes", "--json"
    )
    assert json.loads(erased.stdout)["erased"] > 0


def test_a_credential_is_shown_once_listed_and_revoked(run: Run):
    made = json.loads(run("credential", "add", "kassa", "--scope", "send", "--days", "30", "--json").stdout)
    id_ = made["credential"]["id"]

    listed = run("credential", "list").stdout
    revoked = run("credential", "revoke", id_)

    assert made["token"].startswith(f"wgw_{id_}_")
    assert made["token"] not in listed
    assert id_ in listed
    assert "send" in listed
    assert revoked.exit_code == 0
    assert "revoked" in run("credential", "list").stdout
    assert run("credential", "revoke", "0" * 16).exit_code == 1


def test_a_token_for_a_system_that_the_api_does_not_know_is_refused_with_those_it_knows(run: Run):
    result = run("credential", "add", "website")

    assert result.exit_code == 1
    assert "website staat niet in [api.systems]" in result.stderr
    assert result.stderr.rstrip().endswith("kassa, parkeren")
    assert json.loads(run("credential", "list", "--json").stdout) == []


def test_who_gave_and_took_a_credential_is_in_the_audit_trail(run: Run, tmp_path: Path):
    id_ = json.loads(run("credential", "add", "kassa", "--json").stdout)["credential"]["id"]
    run("credential", "revoke", id_)

    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        audited = journal.execute("SELECT action, subject FROM audit ORDER BY seq DESC LIMIT 2").fetchall()
    assert audited == [("credential_revoked", id_), ("credential_issued", f"kassa/{id_}")]

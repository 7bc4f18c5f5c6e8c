"""The catalogues: the same keys in both languages, all of them used, none missing."""

import ast
import itertools
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import cli
import console
import journal
import routes
import worker
from canonical_model.codec import _COMMAND_NAMES as COMMANDS
from canonical_model.codec import _EVENT_NAMES as EVENTS
from canonical_model.contact import Channel, Kind, Language
from canonical_model.customer import CustomerKey
from canonical_model.party import PartyKind
from canonical_model.status import CaseStatus
from console.accounts import Refusal
from console.customer_look import PURPOSES
from console.pages.messages import STATES
from console.remedies import REMEDIES, TRIAGE, Party
from console.replay_words import KINDS
from console.selections import FIELDS
from console.wording import LANGUAGES, load, read_texts
from journal.reading.search import REFERENCE_SYSTEMS
from journal.replay_ledger import PLAN_STATES, ROW_STATES
from journal.terms import RetentionTerms
from journal.verdicts import VERDICTS
from routes.chase import CHASE
from routes.configuration import GIVEN
from routes.letter_check import DOUBTS, FAULTS
from routes.letter_kinds import LETTERS, Reader
from routes.silence import SILENCE

SOURCES = {
    path: path.read_text(encoding="utf-8")
    for room in (cli, console)
    for path in sorted(Path(room.__file__).parent.rglob("*"))
    if path.suffix in (".html", ".py")
}
CALL = re.compile(r"""\b(?:t|text|_text)\(\s*f?["']([a-z_.0-9]+)["']\s*([,)~])""")
COUNT = re.compile(r"""\bcount\(\s*["']([a-z_.]+)["']""")
BUILT = re.compile(r"""["']([a-z_]+\.)["']\s*~|f["']([a-z_]+\.)\{""")
GROUP = re.compile(r"""\b(?:known|state|badge)\(\s*["']([a-z_]+)["']""")
RAISED = re.compile(r"""(?:ProblemError|_refuse|problem_page)\(.*?["']([a-z_]+)["']""")
HELPED = re.compile(r"""(?:_help|_command)\(\s*["']([a-z_]+)["']|help_key=["']([a-z_]+)["']""")
SUBCOMMANDS = {
    f"cli_help.{name}"
    for name in (
        "add",
        "list",
        "one",
        "plan",
        "show",
        "decide",
        "approve",
        "run",
        "cancel",
        "revoke",
        "preview",
        "check",
    )
}
"""Their help has a key of its own."""

CLOSED_SETS = {
    "state": STATES,
    "effect_state": ("due", "claimed", "unknown", "parked", "applied", "skipped"),
    "outcome": ("applied", "rejected", "unknown", "again"),
    "case_status": tuple(CaseStatus),
    "kind": tuple(Kind),
    "channel": tuple(Channel),
    "language": tuple(Language),
    "party_kind": tuple(PartyKind),
    "event": (*EVENTS.values(), "not_understood"),
    "action": tuple(COMMANDS.values()),
    "login": tuple(Refusal),
    "party": tuple(Party),
    "kept": tuple(RetentionTerms.model_fields),
    "system_state": ("up", "untried", "down", "paused"),
    "standing": ("settled", "waiting", "down", "paused", "unknown", "parked"),
    "standing_sentence": ("waiting", "down", "paused", "unknown", "parked"),
    "reference": ("case", "tracker", "mail-id", "form", "fingerprint", "message", "effect"),
    "customer_key": tuple(CustomerKey),
    "customer_wrong": ("purpose", "reason", "personal", "number", "pass", "nobody"),
    "purpose": PURPOSES,
    "step": (
        *("arrived", "status", "group", "planned", "applied", "skipped", "next_try", "timer"),
        *("attempt_again", "attempt_rejected", "attempt_unknown"),
    ),
    "timer": (CHASE, SILENCE),
    **{f"remedy.{one.code}": ("title", "cause", "todo") for one in (*REMEDIES.values(), TRIAGE)},
    **{f"verdict.{name}": ("title", "words") for name in VERDICTS},
    "plan_state": PLAN_STATES,
    **{f"letter.{name}": ("title", "when") for name in LETTERS},
    "letter_reader": tuple(Reader),
    "letter_part": ("subject", "text"),
    "letter_wrong": ("meanwhile", "faults", "doubts", "reason"),
    "blank": GIVEN,
    "finding": (*FAULTS, *DOUBTS),
    "row_state": ROW_STATES,
    "selection_wrong": tuple(name for name in FIELDS if name not in ("done", "error")),
    **{f"replay_total.{kind}": ("one", "many") for kind in KINDS},
}


CASE = "LEU-2026-000003"
_REFUSING = ("journal", "operations", "replays", "replay_freezing", "revealing", "letter_texts")
_AT_THE_COMMAND_LINE = (
    *(Path(journal.__file__).parent / f"{name}.py" for name in ("migrate", "backup", "reach")),
    Path(worker.__file__).parent / "places.py",
    *(Path(cli.__file__).parent / f"{name}.py" for name in ("check", "keep", "run", "begin")),
)
"""What a command runs into by itself, beside the faults of a configuration."""
_FAILING = ("MisconfiguredError", "TransientError", "RejectedError")


def sentences() -> Iterator[str]:
    """What routes give as the reason of a decision and the journal as that of a refusal, with something in each blank."""
    for path in Path(routes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from _reasons(node)
    for name in _REFUSING:
        path = Path(journal.__file__).parent / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "RejectedError":
                yield from _english(node.args[0])
    for path in _AT_THE_COMMAND_LINE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in _FAILING:
                yield from _english(node.args[0])


def _reasons(node: ast.AST) -> Iterator[str]:  # noqa: C901 - one shape of code after the other
    match node:
        case ast.Call(func=ast.Name(id="Decision" | "replace" | "_Heard"), keywords=given):
            for one in given:
                if one.arg in ("reason", "remark"):
                    yield from (words.removeprefix("; ") for words in _english(one.value) if words)
        case ast.Call(func=ast.Name(id="_nothing"), args=[_, why]):
            yield from (f"{CASE}: {words}" for words in _english(why))
        case ast.Assign(targets=[ast.Name(id="reason")], value=value):
            yield from _english(value)
        case ast.AugAssign(target=ast.Name(id="reason"), value=value):
            yield from (words.removeprefix("; ") for words in _english(value))
        case ast.FunctionDef(name="_reason", body=body):
            for inner in itertools.chain.from_iterable(ast.walk(one) for one in body):
                if isinstance(inner, ast.Return) and inner.value:
                    yield from _english(inner.value)
        case ast.Assign(targets=[ast.Name(id="_AUTOMATIC")], value=ast.Dict(values=values)):
            for value in values:
                yield from _english(value)


def _english(node: ast.expr) -> list[str]:  # noqa: PLR0911 - one shape of code after the other
    """Every sentence that this expression can be; [] when that is not to be seen here."""
    match node:
        case ast.Constant(value=str(words)):
            return [words]
        case ast.JoinedStr(values=values):
            parts = [_english(one) for one in values]
            return ["".join(chosen) for chosen in itertools.product(*parts)]
        case ast.FormattedValue(value=ast.Name(id="why") | ast.Attribute(attr="remark")):
            return []  # what `_nothing` and `_Heard` say, seen where they are called
        case ast.FormattedValue(value=value, conversion=conversion):
            about_case = re.search(r"\bref\b|\bcase$|gone|claimed", ast.unparse(value))
            return [CASE if about_case else "'x'" if conversion == ord("r") else "x"]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [one + other for one in _english(left) for other in _english(right)]
        case ast.IfExp(body=body, orelse=other):
            return _english(body) + _english(other)
        case _:
            return []


def used_keys() -> set[str]:
    """Keys that stand in full somewhere in a template or in the code."""
    found: set[str] = set()
    for source in SOURCES.values():
        found |= {key for key, _ in CALL.findall(source)}
        for key in COUNT.findall(source):
            found |= {f"{key}.one", f"{key}.many"}
        for line in source.splitlines():
            found |= {f"problem.{code}.{part}" for code in RAISED.findall(line) for part in ("title", "text")}
        found |= {f"cli_help.{name or key}" for name, key in HELPED.findall(source)} - SUBCOMMANDS
    found |= {f"problem.{code}.{part}" for code in ("not_found", "not_a_form") for part in ("title", "text")}
    return found


def used_groups() -> set[str]:
    """Groups whose members are chosen while running."""
    found: set[str] = set()
    for source in SOURCES.values():
        found |= {f"{group}." for group in GROUP.findall(source)}
        found |= {one or other for one, other in BUILT.findall(source)}
    return found | {"timer.", "group.", "duration.", "said."}


def test_both_languages_have_the_same_keys():
    assert set(read_texts("nl")) == set(read_texts("en"))


def test_both_languages_have_the_same_blanks():
    nl, en = read_texts("nl"), read_texts("en")

    different = {key for key in nl if blanks(nl[key]) != blanks(en[key])}

    assert different == set()


def test_every_key_that_is_used_exists():
    known = set(read_texts("nl"))

    missing = {key for key in used_keys() if key not in known and not key.endswith(".")}

    assert missing == set()


def test_every_key_is_used():
    direct, groups = used_keys(), used_groups()

    unused = {
        key for key in read_texts("nl") if key not in direct and not any(key.startswith(g) for g in groups)
    }

    assert unused == set()


@pytest.mark.parametrize("group", sorted(CLOSED_SETS))
def test_every_member_of_a_closed_set_has_a_text(group: str):
    known = set(read_texts("nl"))

    assert {f"{group}.{member}" for member in CLOSED_SETS[group]} <= known


def test_every_reference_that_a_search_tries_is_named():
    assert set(REFERENCE_SYSTEMS) <= set(CLOSED_SETS["reference"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_has_no_mark_up(language: str):
    assert [text for text in read_texts(language).values() if "<" in text or "&" in text] == []


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_what_the_hub_itself_says_is_said_in_dutch_too(sentence: str):
    nl, en = load("Europe/Brussels")["nl"], load("Europe/Brussels")["en"]

    assert nl.said(sentence) != sentence
    assert CASE in nl.said(sentence) or CASE not in sentence
    assert en.said(sentence) == sentence


@pytest.mark.parametrize(
    ("english", "dutch"),
    [
        (
            "opened LEU-2026-000003 for Openbaar domein; answered at once",
            "LEU-2026-000003 geopend voor Openbaar domein; meteen beantwoord",
        ),
        (
            "LEU-2026-000003: still in_progress with groen",
            "LEU-2026-000003: nog altijd in behandeling bij groen",
        ),
        (
            "LEU-2026-000003: dosis had nothing, should have planned: told again",
            "LEU-2026-000003: dosis had niets, moet ingepland hebben: opnieuw verteld",
        ),
        (
            "looks like spam (bulk): the KCC decides; dropped by an: the KCC says: spam",
            "lijkt op spam (bulk): het KCC beslist; opzij gelegd door an: the KCC says: spam",
        ),
        ("De bus: the server says no", "De bus: the server says no"),
        ("", ""),
    ],
)
def test_a_sentence_of_the_hub_in_dutch(english: str, dutch: str):
    assert load("Europe/Brussels")["nl"].said(english) == dutch


def test_numbers_and_times_are_written_as_people_here_do():
    nl, en = load("Europe/Brussels")["nl"], load("Europe/Brussels")["en"]
    summer = datetime(2026, 7, 1, 22, 5, tzinfo=UTC)

    assert nl.time(summer) == "2 juli 2026, 00:05"
    assert en.time(summer) == "2 July 2026, 00:05"
    assert nl.since(summer, summer + timedelta(days=1, hours=3)) == "1 dag"
    assert nl.since(summer, summer - timedelta(minutes=2)) == "2 minuten"
    assert nl.since(summer, summer) == "minder dan een minuut"
    assert nl.short(summer, summer) == "00:05:00"
    assert nl.bounded(1000, 1000) == "1000+"


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}

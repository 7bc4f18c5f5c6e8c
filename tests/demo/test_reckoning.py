"""The reckoning of the morning sees what went wrong outside: an order twice or on no list, a stale dossier, a notice too many."""

from dataclasses import replace

import pytest

from canonical_model.work_order import OrderState
from demo.handlers import TrackerCase
from demo.outside.crews import Listed
from demo.reckoning import Books, Evidence, expected_letters, shortcomings
from demo.scenes import Scene, attachment, read_scenes

TILE = Scene(
    name="tegel", time="08:00", door="json", sender="An <an@voorbeeld.be>", subject="Losse tegel",
    outcome="case", group="wegen-oost", crew="wegen", board="Uitgevoerd", notices=2,
)  # fmt: skip
DONE = Scene(name="klaar", time="08:10", door="crew", about="tegel", crew="wegen", state=OrderState.DONE)
MOSS = Scene(
    name="mos", time="08:01", door="json", subject="Mos", outcome="case", group="wegen-zuid", crew="wegen"
)
MOVED = Scene(name="terug", time="08:11", door="kcc", about="mos", group="reiniging", crew="reiniging")
SCENES = (TILE, MOSS, DONE, MOVED)
TILE_REF, MOSS_REF = "LEU-2026-000001", "LEU-2026-000002"
LISTS = {
    "wegen": [
        Listed(order=f"{TILE_REF}.01", state=OrderState.DONE),
        Listed(order=f"{MOSS_REF}.01", state=OrderState.CANCELLED),
    ],
    "reiniging": [Listed(order=f"{MOSS_REF}.02", state=OrderState.ORDERED)],
}


def case(ref, title, group):
    return TrackerCase(
        id=ref, ref=ref, title=title, group=group, status="nieuw", version=1, requester="", messages=(), files=()
    )  # fmt: skip


@pytest.fixture
def evidence():
    balance = {"received": 0, "done": 0, "waiting": 0, "parked": 0, "dropped": 0}
    books = Books(
        balance=balance, recount=balance, by_door={}, open_effects=0, heard_of=frozenset(), busy=frozenset(),
        orders={("wegen", f"{TILE_REF}.01"): "done"},
    )  # fmt: skip
    return Evidence(
        books=books,
        cases=(case(TILE_REF, "Losse tegel", "wegen-oost"), case(MOSS_REF, "Mos", "reiniging")),
        letters={},
        mailboxes={"INBOX": 0, "Verwerkt": 0, "Fout": 0},
        lists=LISTS,
        board={TILE_REF: "Uitgevoerd"},
        notices={TILE_REF: 2},
    )


def outside(evidence):
    """What is wrong with crews and portals."""
    about = ("werkopdracht", "werklijst", "dossiers", "notificaties", "zaak")
    return [line for line in shortcomings(SCENES, evidence) if any(word in line for word in about)]


def test_a_morning_that_went_well_leaves_nothing_to_say(evidence):
    assert outside(evidence) == []
    assert evidence.crews_heard


@pytest.mark.parametrize(
    ("crew", "listed"),
    [
        ("wegen", [*LISTS["wegen"], LISTS["wegen"][0]]),
        ("wegen", LISTS["wegen"][:1]),
        ("reiniging", [Listed(order=f"{MOSS_REF}.01", state=OrderState.ORDERED)]),
        ("reiniging", []),
    ],
    ids=["an order twice", "no sign of a cancelled one", "another trip", "no order after the move"],
)
def test_a_list_that_is_not_as_it_should_be_is_told(evidence, crew, listed):
    assert outside(replace(evidence, lists={**LISTS, crew: listed}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"board": {TILE_REF: "Gepland"}},
        {"board": {}},
        {"board": {TILE_REF: "Uitgevoerd", MOSS_REF: "Ontvangen"}},
        {"notices": {TILE_REF: 3}},
        {"notices": {}},
    ],
    ids=["stale", "no dossier", "of somebody without a number", "a notice twice", "no notice"],
)
def test_portals_that_show_something_else_are_told(evidence, wrong):
    assert outside(replace(evidence, **wrong))


def test_a_work_item_that_nobody_asked_for_is_told(evidence):
    assert outside(replace(evidence, books=replace(evidence.books, work=(MOSS_REF,))))


def test_a_crew_that_was_not_heard_is_waited_for(evidence):
    books = replace(evidence.books, orders={("wegen", f"{TILE_REF}.01"): "planned"})

    assert not replace(evidence, books=books).crews_heard


def test_who_is_notified_gets_no_mail_about_the_work():
    assert expected_letters(SCENES) == 1
    assert expected_letters((replace_notices(TILE), DONE)) == 2


def replace_notices(scene):
    return Scene(**{name: getattr(scene, name) for name in scene.__struct_fields__ if name != "notices"})


def test_every_scene_is_about_one_that_opens_a_case_and_brings_files_that_exist():
    scenes = read_scenes()
    opening = {scene.name: scene for scene in scenes if scene.opens_case}

    assert all(scene.about in opening for scene in scenes if scene.is_work or scene.is_move)
    assert all(attachment(name) for scene in scenes for name in scene.files)
    assert sum(scene.lost for scene in scenes) == 1
    assert {scene.state for scene in scenes if scene.is_work} == set(OrderState) - {OrderState.ORDERED}

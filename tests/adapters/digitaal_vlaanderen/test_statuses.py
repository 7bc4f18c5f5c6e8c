"""Phases and codes: a table with the usual ones, which the city can change, for all kinds or for one."""

import pytest
from pydantic import ValidationError

from adapters.digitaal_vlaanderen.statuses import USUAL, Statuses
from canonical_model.contact import Kind
from canonical_model.public_status import PublicStatus


def test_every_status_has_a_step():
    assert USUAL.keys() == set(PublicStatus)


def test_only_waiting_for_the_customer_is_the_customers_turn():
    assert [status for status in PublicStatus if USUAL[status].action] == [PublicStatus.WAITING_FOR_CUSTOMER]


def test_a_suggestion_that_ended_was_taken_note_of():
    assert Statuses().step(Kind.SUGGESTION, PublicStatus.CLOSED).code == "Aktename"
    assert Statuses().step(Kind.REPORT, PublicStatus.CLOSED).code == "Afgehandeld"
    assert Statuses().step(None, PublicStatus.CLOSED).code == "Afgehandeld"


def test_what_is_set_goes_first_and_the_kind_before_all():
    statuses = Statuses.model_validate(
        {
            "all_kinds": {
                "in_progress": {"phase": "Behandeling", "code": "InBehandeling"},
                "closed": {"phase": "Afgerond", "code": "Klaar"},
            },
            "of_kind": {"complaint": {"in_progress": {"phase": "Behandeling", "code": "InOnderzoek"}}},
        }
    )

    assert statuses.step(Kind.REPORT, PublicStatus.IN_PROGRESS).code == "InBehandeling"
    assert statuses.step(Kind.COMPLAINT, PublicStatus.IN_PROGRESS).code == "InOnderzoek"
    assert statuses.step(Kind.SUGGESTION, PublicStatus.CLOSED).code == "Klaar"
    assert statuses.step(Kind.REPORT, PublicStatus.RECEIVED).code == "Ontvangen"


def test_all_that_may_be_told_is_known_by_the_name_of_its_setting():
    used = dict(Statuses().used())

    assert used["all_kinds.closed"].code == "Afgehandeld"
    assert used["of_kind.suggestion.closed"].code == "Aktename"
    assert "of_kind.report.closed" not in used


def test_a_status_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError):
        Statuses.model_validate({"all_kinds": {"done": {"phase": "Afgerond", "code": "Klaar"}}})

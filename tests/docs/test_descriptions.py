"""The AsyncAPI description hangs together, and what is really exchanged fits it."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from adapters.amqp.translate import news, refusal
from ports.contracts.informed import some_news
from ports.submission.cloudevents import Ref
from tests.docs.descriptions import asyncapi
from tests.servers.npm import installed
from tests.shipped import ROOT

FIXTURES = ROOT / "tests" / "adapters" / "amqp" / "fixtures"


@pytest.fixture(scope="module")
def described():
    return json.loads(json.dumps(asyncapi()))


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def found(document, pointer):
    for part in pointer.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_every_reference_leads_somewhere(described):
    assert all(found(described, pointer) for pointer in set(references(described)))


@pytest.fixture(scope="module")
def official():
    """The schema that the AsyncAPI initiative publishes for this version."""
    modules = installed(Path(__file__).parent / "asyncapi_specs")
    return json.loads((modules / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_bytes())


def test_it_is_asyncapi_3_by_the_official_schema(described, official):
    assert described["asyncapi"] == "3.0.0"
    assert [error.message for error in Draft7Validator(official).iter_errors(described)] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["info"].pop("title"),
        lambda one: next(iter(one["operations"].values())).update(action="publish"),
        lambda one: next(iter(one["channels"].values())).update(adress="x"),
    ],
    ids=["no title", "an action of AsyncAPI 2", "a field with a slip of the pen"],
)
def test_the_official_schema_sees_what_is_wrong(described, official, change):
    wrong = deepcopy(described)
    change(wrong)

    assert list(Draft7Validator(official).iter_errors(wrong))


def test_channels_and_operations_belong_together(described):
    for channel in described["channels"].values():
        assert channel["messages"]
        for name in channel.get("parameters", {}):
            assert f"{{{name}}}" in channel["address"]
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in described["operations"].values()}
    assert used == described["channels"].keys()


def test_its_schemas_are_schemas(described):
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "event"),
    [
        ("SubmittedEvent", json.loads((FIXTURES / "cloudevent.json").read_bytes())),
        ("NewsEvent", json.loads(news("LEU-2026-000123/amqp/a/tell_system/x", some_news(), "urn:x").body)),
        ("RefusalEvent", json.loads(refusal(Ref(source="", id="1"), "$: no", "0" * 32, "urn:x").body)),
    ],
)
def test_what_is_exchanged_fits(described, schema, event):
    validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **described})

    assert [error.message for error in validator.iter_errors(event)] == []


def test_what_does_not_fit_is_seen(described):
    validator = Draft202012Validator({"$ref": "#/components/schemas/SubmittedEvent", **described})

    assert list(validator.iter_errors({"specversion": "1.0", "time": str(datetime.now(UTC))}))

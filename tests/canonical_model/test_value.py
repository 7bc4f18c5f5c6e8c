"""The classes of the model are all alike: frozen, equal by their fields, silent about what is personal."""

import copy
import pickle
from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import iter_modules

import msgspec
import pytest
from msgspec.structs import replace

import canonical_model
import journal
import ports
from canonical_model.identifiers import Identifier, insz
from canonical_model.location import Location
from canonical_model.party import Party
from canonical_model.value import Value
from tests.canonical_model.test_codec import CARD, COMMAND_VALUES, EVENT_VALUES


def classes_of(package):
    return [
        cls
        for module in iter_modules(package.__path__, f"{package.__name__}.")
        for cls in vars(import_module(module.name)).values()
        if isinstance(cls, type) and cls.__module__ == module.name
    ]


MODEL = classes_of(canonical_model)
VALUES = [
    cls
    for cls in (*MODEL, *classes_of(ports), *classes_of(journal))
    if issubclass(cls, Value) and cls is not Value
]
HIDDEN = {
    "AddContact": {"subject", "text"},
    "AddNote": {"text"},
    "Answer": {"text"},
    "Arrival": {"body", "files"},
    "CanonicalCase": {"subject", "description"},
    "CaseCard": {"subject"},
    "Claimed": {"command"},
    "Contact": {"subject", "text", "full_text", "answer"},
    "CustomerName": {"spellings"},
    "DifferenceFound": {"text"},
    "FieldWork": {"description"},
    "File": {"content"},
    "HttpAnswer": {"headers", "content"},
    "Identifier": {"value"},
    "Inbound": {"raw"},
    "Location": {"address"},
    "Note": {"text"},
    "Notify": {"subject", "detail"},
    "Party": {"name", "email", "phone"},
    "Product": {"texts"},
    "PublishStatus": {"subject", "detail", "action"},
    "Representative": {"name", "email"},
    "SendMail": {"to", "subject", "text"},
    "TellSystem": {"text"},
    "TrackerCase": {"subject"},
    "WorkOrder": {"subject", "description"},
    "WorkOrderChanged": {"text"},
    "_Question": {"message"},
}
"""By class: the fields that no traceback and no log may show."""


def any_value(cls):
    """One whose every field holds its own name in brackets."""
    return cls(**{name: f"<{name}>" for name in cls.__struct_fields__})


def test_every_class_that_holds_data_is_a_value():
    others = [cls for cls in MODEL if is_dataclass(cls) or issubclass(cls, (msgspec.Struct, tuple, dict))]

    assert [cls for cls in others if not issubclass(cls, Value)] == []
    assert {cls.__name__ for cls in VALUES} >= HIDDEN.keys()


@pytest.mark.parametrize("cls", VALUES)
def test_a_value_shows_all_of_its_fields_but_the_hidden_ones(cls):
    value = any_value(cls)
    shown = {name for name in cls.__struct_fields__ if name not in HIDDEN.get(cls.__name__, set())}

    assert {name for name, _ in value.__rich_repr__()} == shown
    if cls is not Identifier:  # which masks its value instead: see test_masking
        assert {name for name in cls.__struct_fields__ if f"{name}='<{name}>'" in repr(value)} == shown
        assert repr(value).count("<") == len(shown)


def test_what_is_hidden_stays_so_within_another_value():
    party = Party(name="Janssens", email="Janssens", identifiers=(insz("85073003328"),))

    assert repr(party) == (
        "Party(kind=<PartyKind.ANONYMOUS: 'anonymous'>, "
        "identifiers=(Identifier(insz, 85.07.30-***.**),), representative=None)"
    )


@pytest.mark.parametrize("cls", VALUES)
def test_a_value_can_not_be_changed(cls):
    value = any_value(cls)

    for name in cls.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, name, "other")
    with pytest.raises(AttributeError):
        value.something_else = 1


@pytest.mark.parametrize("cls", VALUES)
def test_values_are_equal_by_class_and_fields(cls):
    value = any_value(cls)

    assert value == any_value(cls)
    assert hash(value) == hash(any_value(cls))
    for name in cls.__struct_fields__:
        assert replace(value, **{name: "other"}) != value
    assert value != Location(address="another class")


@pytest.mark.parametrize("cls", VALUES)
def test_fields_are_given_by_name(cls):
    if cls is not Identifier:
        with pytest.raises(TypeError):
            cls(*cls.__struct_fields__)
    with pytest.raises(TypeError):
        cls(nonsense=1)


def test_values_are_copied_and_sent_to_other_processes():
    for value in (*EVENT_VALUES, *COMMAND_VALUES, CARD):
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes
        assert hash(value) == hash(copy.deepcopy(value))

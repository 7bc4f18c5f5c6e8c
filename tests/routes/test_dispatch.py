"""Which group gets it: a table decides, and its own examples check it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from canonical_model.contact import Channel, Kind
from canonical_model.location import Location
from routes.classify import Subject, classify
from routes.configuration import Dispatch, DispatchError, Rule, parse_dispatch
from routes.dispatch import Destination, dispatch, group_of_product, wrong_examples
from tests.journal.scene import DISPATCH, contact

TABLE = """
default = "kcc"
[[group]]
name = "kcc"
label = "KCC"
[[group]]
name = "a"
label = "A"
[[group]]
name = "b"
label = "B"
"""


def table(*rules: str):
    return parse_dispatch(TABLE + "".join(f"\n[[rule]]\n{rule}\n" for rule in rules))


SUBJECT = Subject(kind=Kind.REPORT, category="voetpad", area="heverlee")
CONTACT = contact(product="42", channel=Channel.WEB_FORM, addressed_to="openbaardomein")


@pytest.mark.parametrize(
    "condition",
    [
        'kind = ["report"]',
        'kind = ["question", "report"]',
        'product = ["42"]',
        'category = ["voetpad"]',
        'area = ["heverlee"]',
        'channel = ["web_form"]',
        'addressed_to = ["openbaardomein"]',
        'category = ["voetpad"]\narea = ["heverlee"]\nkind = ["report"]',
        "",
    ],
)
def test_a_rule_that_fits_gives_its_group(condition):
    found = dispatch(CONTACT, SUBJECT, table(f'name = "it"\ngroup = "a"\n{condition}'))
    assert (found.group, found.rule) == ("a", "it")


@pytest.mark.parametrize(
    "condition",
    [
        'kind = ["question"]',
        'product = ["43"]',
        'category = ["boom"]',
        'area = ["kessel-lo"]',
        'channel = ["mail"]',
        'addressed_to = ["info"]',
        'category = ["voetpad"]\narea = ["kessel-lo"]',
    ],
)
def test_a_rule_that_does_not_fit_leaves_it_to_the_default(condition):
    found = dispatch(CONTACT, SUBJECT, table(f'name = "it"\ngroup = "a"\n{condition}'))
    assert (found.group, found.rule) == ("kcc", "default")


def test_the_first_rule_that_fits_wins():
    both = table('name = "one"\ngroup = "b"\nkind = ["report"]', 'name = "two"\ngroup = "a"')
    assert dispatch(CONTACT, SUBJECT, both).rule == "one"


@pytest.mark.parametrize(
    ("text", "area", "group"),
    [
        ("Het voetpad is stuk", "", "openbaar-domein"),
        ("De boom is om", "heverlee", "groen"),
        ("De boom is om", "wilsele", "kcc"),
        ("Er ligt een boom op het trottoir, het voetpad is stuk", "heverlee", "openbaar-domein"),
        ("Wanneer is het zwembad open?", "", "kcc"),
    ],
)
def test_area_and_category_decide_together(text, area, group):
    city = parse_dispatch(DISPATCH)
    what = contact(text, subject="-", location=Location(area=area))
    assert dispatch(what, classify(what, city), city).group == group


def test_examples_that_come_out_right_say_nothing():
    example = '\n[[example]]\nexpect = "groen"\ntext = "de boom staat scheef"\narea = "heverlee"\n'
    assert wrong_examples(parse_dispatch(DISPATCH + example)) == ()


def test_examples_that_come_out_wrong_are_named():
    examples = (
        '\n[[example]]\nexpect = "kcc"\ntext = "niets bijzonders"\n'
        '\n[[example]]\nexpect = "groen"\ncategory = "voetpad"\n'
        '\n[[example]]\nexpect = "openbaar-domein"\nsubject = "Stoep"\n'
    )
    (complaint,) = wrong_examples(parse_dispatch(DISPATCH + examples))
    assert complaint == "dispatch example 2 expects 'groen' but rule 'voetpaden' gives 'openbaar-domein'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("default = ", "dispatch table"),
        ('default = "nobody"\ngroup = []', "default names group 'nobody'"),
        (TABLE + '\n[[rule]]\nname = "r"\ngroup = "c"', "rule 'r' names group 'c'"),
        (TABLE + '\n[[rule]]\nname = "r"\ngroup = "a"\nkinds = ["report"]', "kinds"),
        (TABLE + '\n[[rule]]\nname = "r"\ngroup = "a"\nkind = ["rapport"]', "rapport"),
        (TABLE + '\n[[category]]\nname = "c"\nwords = ["stoep", " - "]', "' - ' among its words"),
        (TABLE + '\n[[area]]\nname = "c"\nwords = [""]', "'' among its words"),
        (TABLE + '\n[terms]\nreport = "soon"', "report"),
        ('default = "kcc"', "group"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_the_place(text, message):
    with pytest.raises(DispatchError, match="dispatch table") as caught:
        parse_dispatch(text)
    assert message in str(caught.value)


def test_the_group_of_a_product_is_that_of_the_first_line_that_names_it():
    lines = """
[[rule]]
name = "reispas aan huis"
product = ["320", "321"]
area = ["heverlee"]
group = "kcc"
[[rule]]
name = "reispas"
product = ["320"]
group = "groen"
"""
    city = parse_dispatch(DISPATCH + lines)

    assert group_of_product("320", city) == "kcc"
    assert group_of_product("399", city) == ""


NAMES = st.sampled_from(["", "voetpad", "boom", "afval"])
SOME = st.lists(NAMES, max_size=3).map(tuple)
RULES = st.builds(
    Rule,
    name=st.uuids().map(str),
    group=st.sampled_from(["a", "b"]),
    crew=st.sampled_from(["", "ploeg"]),
    kind=st.lists(st.sampled_from(Kind), max_size=2).map(tuple),
    category=SOME,
    area=SOME,
    channel=st.lists(st.sampled_from(Channel), max_size=2).map(tuple),
)


@given(
    rules=st.lists(RULES, max_size=8),
    subject=st.builds(Subject, kind=st.sampled_from(Kind), category=NAMES, area=NAMES),
    channel=st.sampled_from(Channel),
)
def test_the_first_rule_that_fits_wins_however_rules_are_looked_up(rules, subject, channel):
    fitting = [
        rule
        for rule in rules
        if (not rule.kind or subject.kind in rule.kind)
        and (not rule.category or subject.category in rule.category)
        and (not rule.area or subject.area in rule.area)
        and (not rule.channel or channel in rule.channel)
    ]
    found = dispatch(contact(channel=channel), subject, Dispatch(default="kcc", group=(), rule=tuple(rules)))
    assert found == (
        Destination(group=fitting[0].group, rule=fitting[0].name, crew=fitting[0].crew)
        if fitting
        else Destination(group="kcc", rule="default")
    )


def test_a_changed_table_is_another_table():
    before = table('name = "voetpad"\ngroup = "a"\ncategory = ["voetpad"]')
    assert dispatch(CONTACT, SUBJECT, before).group == "a"
    changed = structs.replace(before, rule=())
    assert dispatch(CONTACT, SUBJECT, changed).rule == "default"

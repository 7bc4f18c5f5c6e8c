"""What the pages say works: their Python runs, their settings fit, and their commands exist."""

import re
import sys
import tomllib
import types

import click
import pytest

from console.remedies import REMEDIES
from hub import main
from routes.configuration import parse_dispatch
from routes.dispatch import wrong_examples
from settings import Settings
from tests.shipped import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = sorted((ROOT / "docs" / "integrators").glob("*.md"))
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bwegwijzer +((?:[a-z][a-z-]*)(?: +[a-z][a-z-]*)*)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
INVOCATION = re.compile(r"\bwegwijzer +([a-z][a-z-]*)([^`|#\n]*)")
TARGET = re.compile(r"\bmake ((?!PYTHON|ARGS)[a-z-]+)")


def relative(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", RUNNABLE, ids=relative)
def test_the_python_on_a_page_runs(page, monkeypatch):
    text = page.read_text()
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    for block in PYTHON.finditer(text):
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], str(page), "exec"), module.__dict__)  # noqa: S102 - our own page

    for name, example in list(vars(module).items()):
        if name.startswith("test_"):
            example()


def test_some_python_was_found():
    assert PYTHON.findall((ROOT / "docs" / "integrators" / "first-adapter.md").read_text())


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_the_toml_on_a_page_is_toml(page):
    for block in TOML.findall(page.read_text()):
        assert tomllib.loads(block)


def test_the_examples_of_settings_fit():
    page = (ROOT / "docs" / "administrators" / "settings.md").read_text()
    hub, outward, dispatch, silence = TOML.findall(page)

    assert Settings.model_validate(tomllib.loads(hub)).adapters.keys() == {"tracker"}
    assert Settings.model_validate(tomllib.loads(outward)).answers.board == "dosis"
    table = parse_dispatch(dispatch + silence)
    assert not wrong_examples(table)
    assert [each.within for each in table.expect] == [3]


def test_every_kind_of_failure_is_explained():
    page = (ROOT / "docs" / "administrators" / "failures.md").read_text()

    assert {name for name in REMEDIES if f"| `{name}` |" not in page} == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_on_a_page_exists(page):
    assert not [words for words in commands(page) if not exists(words)]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_option_on_a_page_exists(page):
    invoked = [one for code in CODE.findall(page.read_text()) for one in INVOCATION.findall(code)]

    assert not [
        (command, option)
        for command, rest in invoked
        for option in re.findall(r"(?<!\S)--[a-z-]+", rest)
        if option not in options(main.commands[command], rest.split())
    ]


def test_the_readme_names_every_command():
    named = {words.split()[0] for words in commands(ROOT / "README.md")}

    assert set(main.commands) <= named


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_make_target_on_a_page_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {found for code in CODE.findall(page.read_text()) for found in TARGET.findall(code)} <= targets


def commands(page):
    """The words after `wegwijzer` in code; prose about the program is not a command."""
    return [words for code in CODE.findall(page.read_text()) for words in COMMAND.findall(code)]


def options(command, rest):
    """What may follow a command, or the command of its group that `rest` begins with."""
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    return {"--help"}.union(*(parameter.opts + parameter.secondary_opts for parameter in command.params))


def exists(words):
    """Whether the first word is a command, and so on within groups; what follows a command is its arguments."""
    group = main
    for word in words.split():
        if not isinstance(group, click.Group):
            return True
        if word not in group.commands:
            return False
        group = group.commands[word]
    return True

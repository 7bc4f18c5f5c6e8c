"""Habits of the shipped source that no linter knows."""

import ast

import pytest

from tests.shipped import modules, name

SPEAKS_TO_THE_TERMINAL = ("cli/", "demo/")
READS_THE_ENVIRONMENT = ("demo/", "ports/secrets.py")

FILES = [pytest.param(file, id=name(file)) for file in modules()]


@pytest.fixture
def tree(file):
    return ast.parse(file.read_text(), filename=name(file))


@pytest.mark.parametrize("file", FILES)
def test_every_module_says_what_it_is_for(tree):
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("file", FILES)
def test_only_the_command_line_prints(file, tree):
    if not name(file).startswith(SPEAKS_TO_THE_TERMINAL):
        assert not _lines(tree, _is_print)


@pytest.mark.parametrize("file", FILES)
def test_the_environment_is_read_in_one_place(file, tree):
    if not name(file).startswith(READS_THE_ENVIRONMENT):
        assert not _lines(tree, _is_environment)


@pytest.mark.parametrize("file", FILES)
def test_nobody_blocks_the_loop_with_sleep(tree):
    assert not _lines(tree, _is_blocking_sleep)


def test_the_checks_see_what_they_forbid():
    tree = ast.parse("import os, time\nfrom time import sleep\nprint(1)\nos.environ['A']\ntime.sleep(1)")

    assert _lines(tree, _is_print) == [3]
    assert _lines(tree, _is_environment) == [4]
    assert _lines(tree, _is_blocking_sleep) == [2, 5]


def _lines(tree, forbidden):
    return sorted(node.lineno for node in ast.walk(tree) if forbidden(node))


def _is_print(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _is_environment(node):
    return (_attribute(node) in {"os.environ", "os.getenv", "os.environb"}) or (
        _imported(node, "os") & {"environ", "getenv", "environb"} != set()
    )


def _is_blocking_sleep(node):
    return _attribute(node) == "time.sleep" or "sleep" in _imported(node, "time")


def _attribute(node):
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def _imported(node, module):
    if isinstance(node, ast.ImportFrom) and node.module == module:
        return {alias.name for alias in node.names}
    return set()

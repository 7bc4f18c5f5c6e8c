"""Every adapter looks like its neighbour, and its manifest says what is true."""

import ast
import re
import tomllib
from importlib import import_module

import pytest

from ports.target import Idempotency
from tests.shipped import ROOT, name

QUALITIES = ["bronze", "silver", "gold"]
REQUIRED = {"name", "title", "direction", "ports", "factory", "owner", "quality"}
FOLDERS = sorted(manifest.parent for manifest in (ROOT / "adapters").glob("*/adapter.toml"))
LIBRARIES = [ROOT / "adapters" / name for name in ("acmidm", "digitaal_vlaanderen", "tracking")]
"""What adapters that belong together share; only they may import it, says the import contract."""
SUITES = {
    "source": "ports.contracts.source",
    "intake": "ports.contracts.intake",
    "tracker": "ports.contracts.tracker",
    "mail": "ports.contracts.mail",
    "informed": "ports.contracts.informed",
    "enricher": "ports.contracts.enricher",
    "crew": "ports.contracts.crew",
    "board": "ports.contracts.board",
    "notices": "ports.contracts.notices",
    "products": "ports.contracts.products",
}
"""The ports that an adapter may claim, with the module of each one's behaviour suite."""

each_adapter = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture
def manifest(folder):
    return tomllib.loads((folder / "adapter.toml").read_text())


@pytest.fixture
def exempt(manifest):
    return set(manifest.get("exempt", {}))


def test_no_adapter_lacks_its_manifest():
    folders = {file.parent for file in (ROOT / "adapters").glob("*/__init__.py")}

    assert folders == {*FOLDERS, *LIBRARIES}


@pytest.mark.parametrize("folder", LIBRARIES, ids=lambda folder: folder.name)
def test_a_library_of_adapters_says_that_it_is_none(folder):
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))

    assert "not an adapter" in text


@each_adapter
def test_the_manifest_is_complete(folder, manifest):
    optional = {"exempt", "parts", *(["idempotency"] if "out" in manifest["direction"] else [])}

    assert REQUIRED <= manifest.keys() <= REQUIRED | optional
    assert manifest["name"] == folder.name
    assert manifest["direction"] in (["in"], ["out"], ["in", "out"])
    assert manifest["quality"] in QUALITIES
    assert manifest["ports"]
    assert set(manifest["ports"]) <= SUITES.keys()
    assert all(manifest[key].strip() for key in ("title", "owner"))


@each_adapter
def test_who_sends_says_what_a_second_try_does(manifest):
    assert ("idempotency" in manifest) == ("out" in manifest["direction"])
    assert manifest.get("idempotency", Idempotency.NONE) in list(Idempotency)


@each_adapter
def test_exemptions_have_a_reason(manifest):
    assert all(len(reason.split()) >= 3 for reason in manifest.get("exempt", {}).values())


@each_adapter
def test_the_factory_exists(folder, manifest):
    module, _, function = manifest["factory"].partition(":")

    assert (module, function) == (f"adapters.{folder.name}", "build")
    assert callable(getattr(import_module(module), function))


@each_adapter
def test_the_anatomy_is_the_usual_one(folder, manifest, exempt):
    parts = {"__init__", "settings", "translate", "adapter"}
    if "out" in manifest["direction"] or "source" in manifest["ports"]:
        parts.add("client")
    if "intake" in manifest["ports"]:
        parts.add("webhook")

    assert not {part for part in parts - exempt if not (folder / f"{part}.py").exists()}


@each_adapter
def test_the_docstring_names_the_known_limitations(folder):
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))

    assert "known limitations" in text.casefold()


@each_adapter
def test_messages_that_really_came_are_kept_as_fixtures(folder, exempt):
    fixtures = ROOT / "tests" / "adapters" / folder.name / "fixtures"

    assert "fixtures" in exempt or any(fixtures.iterdir())


@each_adapter
def test_the_behaviour_suite_of_every_port_is_run(folder, manifest, exempt):
    bases = bases_of_test_classes(ROOT / "tests" / "adapters" / folder.name)

    assert not [
        port
        for port in manifest["ports"]
        if f"contract-{port}" not in exempt and not suites(SUITES[port]) & bases
    ]


@each_adapter
def test_silver_has_a_page_with_its_settings(folder, manifest, exempt):
    if manifest["quality"] == "bronze" or "docs" in exempt:
        return
    page = ROOT / "docs" / "adapters" / f"{folder.name}.md"

    assert page.exists()
    assert f"<!-- settings: adapters.{folder.name}.settings -->" in page.read_text()
    assert re.search(r"^## Known limitations$", page.read_text(), re.MULTILINE)


def test_every_adapter_page_is_about_an_adapter():
    pages = {page.stem for page in (ROOT / "docs" / "adapters").glob("*.md")}

    assert pages <= {folder.name for folder in FOLDERS}


def suites(module):
    """Names of the behaviour suites that a module of `ports.contracts` offers."""
    return {entry for entry in vars(import_module(module)) if entry.endswith("Contract")}


def bases_of_test_classes(folder):
    """From which classes the test classes in a folder inherit."""
    classes = [
        node
        for file in sorted(folder.rglob("test_*.py"))
        for node in ast.walk(ast.parse(file.read_text(), filename=name(file)))
        if isinstance(node, ast.ClassDef)
    ]
    return {base.id for cls in classes for base in cls.bases if isinstance(base, ast.Name)}

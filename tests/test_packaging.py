"""What we ship, and that our ordinary top-level names are nobody else's in this environment."""

import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions

import pytest

from tests.shipped import PROJECT, ROOT, SHIPPED, modules, name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(file).namelist())


def test_no_other_distribution_ships_our_top_level_names():
    owners = packages_distributions()
    names = [entry.removesuffix(".py") for entry in SHIPPED]

    others = {entry: set(owners.get(entry, [])) - {PROJECT} for entry in names}

    assert not {entry: who for entry, who in others.items() if who}


def test_the_wheel_ships_nothing_but_what_is_listed(wheel):
    tops = {entry.partition("/")[0] for entry in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(SHIPPED)


def test_the_wheel_ships_every_module(wheel):
    assert {name(file) for file in modules()} <= wheel


def test_the_wheel_ships_what_lies_beside_the_modules(wheel):
    """Manifests, templates, texts and migrations are read at run time."""
    folders = [ROOT / entry for entry in SHIPPED if not entry.endswith(".py")]
    beside = [file for folder in folders for file in folder.rglob("*") if file.is_file()]

    assert {name(file) for file in beside if file.suffix != ".pyc"} <= wheel


def test_the_wheel_carries_the_licence(wheel):
    assert any(entry.endswith(".dist-info/licenses/LICENSE") for entry in wheel)

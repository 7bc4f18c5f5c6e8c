"""What a linter of Dockerfiles asks, and that ours keep up with the project."""

import json
import re

import pytest

from tests.docker.files import DOCKER, DOCKERFILES, final_stage, steps
from tests.shipped import ROOT, SHIPPED

EACH = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


@EACH
def test_bases_have_a_version(dockerfile):
    bases = [step.rest.split()[0] for step in steps(dockerfile) if step.word == "FROM"]

    assert all(re.search(r":\d|:bookworm", base) for base in bases)
    assert not [base for base in bases if base.endswith(":latest")]


@EACH
def test_it_runs_as_an_ordinary_user_and_tells_its_health(dockerfile):
    words = {step.word: step.rest for step in final_stage(dockerfile)}

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", words["USER"])
    assert "HEALTHCHECK" in words


@EACH
def test_commands_are_lists(dockerfile):
    for step in final_stage(dockerfile):
        if step.word in ("CMD", "ENTRYPOINT"):
            assert all(isinstance(part, str) for part in json.loads(step.rest))
        if step.word == "HEALTHCHECK":
            assert json.loads(step.rest.partition("CMD ")[2])


@EACH
def test_nothing_is_fetched_unseen(dockerfile):
    for step in steps(dockerfile):
        assert step.word != "ADD"
        assert not re.search(r"\b(curl|wget)\b", step.rest)
        if step.word in ("ENV", "ARG"):
            assert not re.search(r"(?i)password|token|secret(?!s)", step.rest)
        if re.search(r"\bpip\b[^&]* install ", step.rest):
            assert "--require-hashes" in step.rest or "--no-index" in step.rest
            assert "--no-cache-dir" in step.rest


@EACH
def test_packages_leave_nothing_behind(dockerfile):
    for step in steps(dockerfile):
        if "apt-get install" in step.rest:
            assert "--no-install-recommends" in step.rest
            assert "rm -rf /var/lib/apt/lists/*" in step.rest


@EACH
def test_the_image_holds_no_tools_to_build_with(dockerfile):
    final = " ".join(step.rest for step in final_stage(dockerfile))

    assert not re.search(r"build-essential|\bgcc\b|\bmake\b|-dev\b|pip install", final)
    if "python:" in final:
        assert "pip uninstall --yes pip setuptools wheel" in final


def test_the_hub_s_image_gets_every_package_that_ships():
    copied = " ".join(step.rest for step in steps(DOCKER / "hub" / "Dockerfile") if step.word == "COPY")
    allowed = (DOCKER / "hub" / "Dockerfile.dockerignore").read_text()

    for name in SHIPPED:
        assert re.search(rf"(?:^| ){re.escape(name)} ", copied), name
        assert f"!{name}\n" in allowed


@pytest.mark.parametrize(
    "lock", sorted(DOCKER.glob("*/*.lock")), ids=lambda lock: f"{lock.parent.name}-{lock.stem}"
)
def test_images_hold_the_versions_that_were_tested(lock):
    tested = dict(PIN.findall((ROOT / "requirements.lock").read_text()))
    pinned = dict(PIN.findall(lock.read_text()))

    assert pinned.items() <= tested.items()
    assert "--hash=sha256:" in lock.read_text()
    assert not re.search(r"https?://|--index-url", lock.read_text())


def test_the_hub_s_image_holds_neither_tests_nor_the_demo_s_servers():
    pinned = dict(PIN.findall((DOCKER / "hub" / "runtime.lock").read_text()))

    assert not pinned.keys() & {"pytest", "mypy", "ruff", "roundup", "pymap", "aiosmtpd", "gunicorn", "uv"}
    assert pinned.keys() >= {"opentelemetry-sdk", "prometheus-client", "psycopg", "kombu"}

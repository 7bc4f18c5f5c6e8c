"""The dependency audit: a finding fails, and a pass without advisory data is not taken for one."""

import json
import sys

import pytest

from tests.audit.__main__ import NOT_AUDITED, audit, list_parts


@pytest.fixture
def pip_audit(tmp_path):
    """Makes a pretended `pip-audit` that answers (JSON, exit code) about the weak version and about the lock file."""

    def make(weak, locked):
        program = tmp_path / "pip_audit.py"
        program.write_text(
            f"import sys\n"
            f"answer, code = {weak!r} if '--no-deps' in sys.argv else {locked!r}\n"
            f"assert '--strict' in sys.argv\n"
            f"sys.stdout.write(answer)\n"
            f"sys.exit(code)\n"
        )
        return (sys.executable, str(program))

    return make


def report(*weaknesses):
    vulns = [{"id": one, "fix_versions": ["9.9"]} for one in weaknesses]
    return json.dumps({"dependencies": [{"name": "jinja2", "version": "2.11.0", "vulns": vulns}]})


def test_without_advisory_data_nothing_was_audited_and_that_is_said(pip_audit, tmp_path):
    for silent in (("", 1), (report(), 0)):
        verdict = audit(tmp_path / "lock", pip_audit(silent, (report(), 0)))
        assert verdict.words == NOT_AUDITED
        assert not verdict.failed


def test_a_finding_fails_and_tells_which_version_mends_it(pip_audit, tmp_path):
    verdict = audit(tmp_path / "lock", pip_audit((report("PYSEC-1"), 1), (report("PYSEC-2"), 1)))
    assert verdict.failed
    assert verdict.words == "jinja2 2.11.0: PYSEC-2, mended in 9.9"


def test_nothing_found_where_the_known_weakness_was_found_passes(pip_audit, tmp_path):
    verdict = audit(tmp_path / "lock", pip_audit((report("PYSEC-1"), 1), (report(), 0)))
    assert not verdict.failed
    assert verdict.words == "no known weakness in requirements.lock"


def test_a_dependency_that_could_not_be_looked_up_fails_where_others_could(pip_audit, tmp_path):
    verdict = audit(tmp_path / "lock", pip_audit((report("PYSEC-1"), 1), ("", 1)))
    assert verdict.failed


def test_the_bill_of_materials_names_what_we_depend_on(tmp_path):
    list_parts(tmp_path / "sbom.cdx.json")
    found = json.loads((tmp_path / "sbom.cdx.json").read_text())
    assert found["bomFormat"] == "CycloneDX"
    assert {"sqlalchemy", "cryptography", "kombu"} <= {one["name"].lower() for one in found["components"]}

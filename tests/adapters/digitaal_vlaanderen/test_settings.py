"""An authority of one's own: used when it is set, and told when it can't be."""

import ssl

import pytest

from adapters.digitaal_vlaanderen.settings import tls_of
from demo.outside.magda import make_papers
from ports.errors import MisconfiguredError


def test_without_one_those_of_the_system_count():
    assert tls_of("") is None


def test_only_one_s_own_authority_is_trusted(tmp_path):
    papers = make_papers(tmp_path)

    context = tls_of(str(papers.authority))

    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "Testautoriteit"),),)]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_none_is_told_without_its_content(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)

    with pytest.raises(MisconfiguredError, match="ca_file can't be used") as told:
        tls_of(str(file))

    assert "certificate" not in str(told.value)

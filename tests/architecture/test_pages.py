"""Links between our own pages lead somewhere."""

import re

import pytest

from tests.shipped import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_to_our_own_files_exist(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]

    assert not [target for target in targets if not (page.parent / target).exists()]


def test_every_page_is_reachable_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        waiting += [
            (page.parent / target).resolve()
            for target in LINK.findall(page.read_text())
            if target.endswith(".md") and "://" not in target
        ]

    assert not {page.relative_to(ROOT).as_posix() for page in PAGES} - {
        page.relative_to(ROOT).as_posix() for page in reached
    }

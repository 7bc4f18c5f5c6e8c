"""Tables for a spreadsheet: CSV as Excel opens it here (semicolons, UTF-8 with a mark), safe against formulas."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

from journal.balance import BalanceSheet

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
_BALANCE: Final = (
    *("day", "kind", "name", "received", "done", "waiting", "parked", "quarantined", "dropped", "difference"),
)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def balance_csv(sheet: BalanceSheet) -> str:
    """The balance sheet, sources and then targets; for a target `received` is what was written down for it."""
    sources = [
        (
            *(row.day.isoformat(), "source", row.source, row.received, row.done, row.waiting),
            *(row.parked, row.quarantined, row.dropped, row.difference),
        )
        for row in sheet.sources
    ]
    targets = [
        (
            *(row.day.isoformat(), "target", row.target, row.written, row.applied, row.waiting),
            *(row.parked, 0, row.skipped, row.difference),
        )
        for row in sheet.targets
    ]
    return as_csv(_BALANCE, [*sources, *targets])


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """One table. A text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection)."""
    lines = StringIO()
    writer = csv.writer(lines, delimiter=";", lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + lines.getvalue()


def _harmless(cell: str | int) -> str | int:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell

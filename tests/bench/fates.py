"""What became of the copies in a seeded journal, and by which words they are found."""

from dataclasses import dataclass

from journal.instants import DAY

WEEK = 7 * DAY
MONTH = 30 * DAY
SCHOOL = "school@seed.example"
"""Who wrote a hundredth of all that came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How a copy differs from its model."""

    closed: bool
    late: bool
    by_phone: bool
    parked: bool
    quarantined: bool
    work_item: bool

    @classmethod
    def of(cls, number: int, age: int) -> "Fate":
        """Of the `number`th copy, so old (microseconds): the older, the fewer are still open."""
        return cls(
            closed=number % _open_one_in(age) != 7,
            late=age > WEEK,
            by_phone=number % 10 == 0,
            parked=number % 1_000 == 5,
            quarantined=number % 2_000 == 11,
            work_item=number % 500 == 7,
        )


def _open_one_in(age: int) -> int:
    if age < WEEK:
        return 20
    return 100 if age < 2 * WEEK else 10_000


def found_as(system: str, number: int, ref: str) -> str:
    """By which words the copy's reference in this system is found."""
    match system:
        case "email":
            return SCHOOL if number % 100 == 3 else f"an{number}@seed.example"
        case "tracker":
            return f"id-{ref}"
        case "phone":
            return f"+324{70_000_000 + number:08d}"
        case "insz":
            return _insz(number)
        case _:
            return f"{system}-{number}"


def _insz(number: int) -> str:
    """A number that passes the check, of somebody born between 1940 and 1999 in a month raised by 60: nobody's."""
    rest, serial = divmod(number, 998)
    rest, day = divmod(rest, 28)
    year, month = divmod(rest, 12)
    digits = f"{40 + year % 60:02d}{61 + month:02d}{1 + day:02d}{1 + serial:03d}"
    return f"{digits}{97 - int(digits) % 97:02d}"

"""Field teams in a hub's configuration: what goes to whom, and each team's system behind its adapter.

roads works from CityControl, lighting from a planning behind a WSDL, cleaning from one that speaks Open311, green from a task list.
"""

from collections.abc import Mapping
from pathlib import Path

from demo.outside import citycontrol, planning

WORDS = {"wegen": "tegel", "verlichting": "lamp", "reiniging": "zwerfvuil", "groen": "boom"}
"""By which word a report is known to be for a team."""
OPEN311_KEY = "een-sleutel-van-de-reiniging"
_GROUPS = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
"""
_GROUP = """
[[group]]
name = "{team}"
label = "Team {team}"
[[category]]
name = "{word}"
words = ["{word}"]
[[rule]]
name = "{team}"
category = ["{word}"]
group = "{team}"
crew = "{team}"
"""
_SECTIONS = {
    "wegen": """
[adapters.wegen]
system = "citycontrol"
url = "{address}/OntvangAsynchroon"
questions_url = "{address}/BeantwoordVraag"
username = "{citycontrol.USERNAME}"
password = "secret:citycontrol"
caller = {{ username = "{citycontrol.OUR_USERNAME}", passwords = ["secret:caller"] }}
""",
    "verlichting": """
[adapters.verlichting]
system = "planning"
url = "{address}/planning"
username = "{planning.USERNAME}"
password = "secret:planning"
poll_seconds = {poll_seconds}
""",
    "reiniging": """
[adapters.reiniging]
system = "field_open311"
url = "{address}/v2"
api_key = "secret:reiniging"
default_service = "voetpad"
unknown_place = "Leuven"
poll_seconds = {poll_seconds}
""",
    "groen": """
[adapters.groen]
system = "caldav"
url = "{address}"
username = "hub"
password = "secret:agenda"
poll_seconds = {poll_seconds}
""",
}


def dispatch(*teams: str) -> str:
    """The dispatch table with these teams."""
    return _GROUPS + "".join(_GROUP.format(team=team, word=WORDS[team]) for team in teams)


def sections(addresses: Mapping[str, str], poll_seconds: float = 0.2) -> str:
    """The adapters of these teams, by the address of each one's system."""
    return "".join(
        _SECTIONS[team].format(
            address=address, poll_seconds=poll_seconds, citycontrol=citycontrol, planning=planning
        )
        for team, address in addresses.items()
    )


def keep_secrets(folder: Path, agenda: str = "") -> None:
    """What the adapters of all teams need; `agenda` is the hub's password at the calendar server."""
    for name, value in (
        ("citycontrol", citycontrol.PASSWORD),
        ("caller", citycontrol.OUR_PASSWORD),
        ("planning", planning.PASSWORD),
        ("reiniging", OPEN311_KEY),
        ("agenda", agenda),
    ):
        (folder / "secrets" / name).write_text(value)

"""Everything around the hub in the demo city: tracker, post office, configuration and secrets, all in one folder."""

import asyncio
import fcntl
import re
import secrets
import shutil
import tomllib
from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from demo.engines.private import free_port
from demo.forms import Tokens
from demo.mail import PostOffice, PostOfficeError, open_post_office
from demo.outside.surroundings import LISTS, Surroundings
from demo.post_office import LOOPBACK, Settings
from demo.roundup import Group, RunningTracker, TrackerStartError
from demo.roundup import start as start_tracker
from demo.scenes import GROUP_MAILBOXES, SENT_MAILBOX, Scene
from ports.errors import MisconfiguredError

DATA = ("var", "tracker", "brieven", LISTS)
"""What a morning leaves behind in the folder; the secrets beside it stay."""
DOMAIN = "leuven.test"
EXAMPLE_PROVIDER = "http://127.0.0.1:8082/op"
"""Where the portals' people log in, in the example configuration."""
EXAMPLE_HUB = "http://127.0.0.1:8080"
OUTSIDE = "# How cases go on outside:"
"""With this line begins what the example configuration says of field teams and portals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the hub listens (`host:port`), and where it finds the systems around it.

    `outside`: the field teams and portals, example address -> real one; None = the city has none.
    """

    hub: str
    tracker: str
    imap_port: int
    smtp_port: int
    provider: str = EXAMPLE_PROVIDER
    outside: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CityHall:
    """The running systems, and the configuration with which a hub finds them."""

    folder: Path
    hub_toml: Path
    address: str
    outside: Surroundings = field(repr=False)
    tracker: RunningTracker = field(repr=False)
    post_office: PostOffice = field(repr=False)
    tokens: Tokens = field(repr=False)
    mail_password: str = field(repr=False)

    def close(self) -> None:
        """Stop everything that was started. May be called twice."""
        self.post_office.close()
        self.tracker.stop()


@contextmanager
def only_demo_in(folder: Path) -> Generator[None]:
    """Hold the folder; `MisconfiguredError` when another demo plays in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise MisconfiguredError(
                f"in {folder} speelt al een demo (another demo is running there)"
            ) from error
        yield


def forget_earlier_mornings(folder: Path) -> bool:
    """Throw away the journal, the tracker and the mail of an earlier demo; whether there was one."""
    left = [folder / name for name in DATA if (folder / name).exists()]
    for path in left:
        shutil.rmtree(path)
    return bool(left)


async def open_city_hall(
    folder: Path,
    scenes: tuple[Scene, ...],
    provider: str,
    outside: Surroundings,
    changes: Mapping[str, str] | None = None,
) -> CityHall:
    """Start the tracker and the post office side by side, and write the configuration that names them.

    `provider`: where the portals' people log in. `changes`: further lines of it to replace.
    """
    tokens = make_tokens(folder)
    for name, value in outside.secrets.items():
        keep_secret(folder, name, value)
    password = keep_secret(folder, "mail_password", secrets.token_hex(12))
    starting = asyncio.gather(
        asyncio.to_thread(_start_tracker, folder),
        asyncio.to_thread(_start_post_office, folder, password, scenes),
        return_exceptions=True,
    )
    try:
        tracker, post_office = await asyncio.shield(starting)
    except asyncio.CancelledError:  # threads start to the end: what they started must not stay behind
        _stop_what_started(*await starting)
        raise
    if isinstance(tracker, RunningTracker) and isinstance(post_office, PostOffice):
        keep_secret(folder, "roundup_jwt", tracker.jwt_secret)
        addresses = Addresses(
            hub=f"{LOOPBACK}:{free_port()}",
            tracker=tracker.url,
            imap_port=post_office.imap_port,
            smtp_port=post_office.smtp_port,
            provider=provider,
            outside=outside.places,
        )
        outside.meet(addresses.hub)
        return CityHall(
            folder=folder,
            hub_toml=write_configuration(folder, addresses, {**QUICK, **(changes or {})}),
            address=addresses.hub,
            outside=outside,
            tracker=tracker,
            post_office=post_office,
            tokens=tokens,
            mail_password=password,
        )
    _stop_what_started(tracker, post_office)
    raise MisconfiguredError(next(str(one) for one in (tracker, post_office) if isinstance(one, Exception)))


QUICK = {
    "poll_seconds = 60": "poll_seconds = 1",
    "poll_seconds = 45": "poll_seconds = 2",
    "poll_seconds = 30": "poll_seconds = 1",
    "poll_seconds = 15": "poll_seconds = 1",
    "settle = 15 # minutes": "settle = 0.1 # minutes",
}
"""A morning has no minutes to wait."""


def _stop_what_started(tracker: object, post_office: object) -> None:
    if isinstance(tracker, RunningTracker):
        tracker.stop()
    if isinstance(post_office, PostOffice):
        post_office.close()
    for one in (tracker, post_office):
        if isinstance(one, BaseException) and not isinstance(one, TrackerStartError | PostOfficeError):
            raise one


def _start_tracker(folder: Path) -> RunningTracker:
    return start_tracker(folder / "tracker", groups_of_the_city(), workers=2)


def _start_post_office(folder: Path, password: str, scenes: tuple[Scene, ...]) -> PostOffice:
    bounced = {scene.about for scene in scenes if scene.bounces}
    settings = Settings(
        domain=DOMAIN,
        password=password,
        mailboxes=[*GROUP_MAILBOXES, SENT_MAILBOX],
        gone=[scene.email for scene in scenes if scene.name in bounced],
        letters=str(folder / "brieven"),
    )
    return open_post_office(settings, folder / "post_office.log")


def write_configuration(folder: Path, addresses: Addresses, changes: Mapping[str, str] | None = None) -> Path:
    """The example configuration of the city, with real addresses; `changes` are further lines to replace."""
    text = city_file("hub.toml").replace(EXAMPLE_PROVIDER, addresses.provider)
    table = city_file("dispatch.toml")
    if addresses.outside is None:
        text, table = without_outside(text), without_crews(table)
    for example, real in {
        f"{EXAMPLE_HUB}/in/": f"http://{addresses.hub}/in/",
        f'public_url = "{EXAMPLE_HUB}"': f'public_url = "http://{addresses.hub}"',
        **(addresses.outside or {}),
    }.items():
        text = text.replace(example, real)
    replaced = {
        'listen = "127.0.0.1:8080"': f'listen = "{addresses.hub}"',
        'url = "http://127.0.0.1:8081/tracker/"': f'url = "{addresses.tracker}"',
        "imap_port = 8143": f"imap_port = {addresses.imap_port}",
        "smtp_port = 8025": f"smtp_port = {addresses.smtp_port}",
        "poll_seconds = 2": "poll_seconds = 1",
        **(changes or {}),
    }
    for example, real in replaced.items():
        if text.count(example) != 1:
            raise MisconfiguredError(f"demo/city/hub.toml: {example!r} is not there once")
        text = text.replace(example, real)
    (folder / "dispatch.toml").write_text(table, "utf-8")
    (folder / "areas.geojson").write_text(city_file("areas.geojson"), "utf-8")
    hub_toml = folder / "hub.toml"
    hub_toml.write_text(text, "utf-8")
    return hub_toml


def without_outside(hub_toml: str) -> str:
    """The example configuration of a city that has doors and a tracker only."""
    return hub_toml.partition(OUTSIDE)[0].rstrip() + "\n"


def without_crews(dispatch_toml: str) -> str:
    """The dispatch table of a city whose field teams have no adapter."""
    return re.sub(r'(?m)^crew = ".*"\n', "", dispatch_toml)


def groups_of_the_city() -> tuple[Group, ...]:
    """The handler groups, as the dispatch table names them."""
    return tuple(
        Group(name=group["name"], label=group["label"], email=group["email"])
        for group in tomllib.loads(city_file("dispatch.toml"))["group"]
    )


def make_tokens(folder: Path) -> Tokens:
    """Fresh secrets with which the website, the report app, the telephone and the portals prove who they are, also put where the hub finds them.

    Seals stay as they were: they may have sealed calls of an earlier morning, or links in its mails.
    """
    for seal in ("phone_seal", "opt_out_seal"):
        if not (folder / "secrets" / seal).exists():
            keep_secret(folder, seal, secrets.token_hex(24))
    keep_secret(folder, "portal_cookies", secrets.token_hex(32))
    return Tokens(
        webhook=keep_secret(folder, "website_webhook", _webhook_secret()),
        phone=keep_secret(folder, "phone_webhook", _webhook_secret()),
        screen_pop=keep_secret(folder, "phone_screen_pop", secrets.token_hex(24)),
        form=keep_secret(folder, "website_form_token", secrets.token_hex(24)),
        drupal=keep_secret(folder, "website_drupal_token", secrets.token_hex(24)),
        open_forms=keep_secret(folder, "website_open_forms_token", secrets.token_hex(24)),
        report_app=keep_secret(folder, "open311_straatapp_key", secrets.token_hex(24)),
        portal=keep_secret(folder, "portal_client", secrets.token_hex(24)),
    )


def _webhook_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def keep_secret(folder: Path, name: str, value: str) -> str:
    """Put a secret where the hub finds it, for the eyes of its owner only."""
    file = folder / "secrets" / name
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
    file.write_text(value + "\n", "utf-8")
    return value


def city_file(name: str) -> str:
    """A file of `city/`."""
    return (resources.files("demo") / "city" / name).read_text("utf-8")

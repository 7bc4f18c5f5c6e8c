"""The sections of `hub.toml`, with what each setting means; the administrators' page is written from here."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from console.api import ApiSettings
from console.settings import ConsoleSettings
from journal.terms import RetentionTerms
from telemetry.settings import MetricsSettings, TelemetrySettings
from worker.alarm import AlarmSection
from worker.reconciler import ReconcileSection

LONGEST_NAME: Final = 40
"""Of an adapter: the journal's work items about it begin with a few words of their own."""
LONGEST_SYSTEM: Final = 60
"""Of a system in the journal: an adapter with what it has behind it, as `mail/parking`."""


def _short_name(name: str) -> str:
    if len(name) > LONGEST_NAME or "/" in name or name != "".join(name.split()) or not name:
        raise ValueError(
            f"the name of an adapter has 1 to {LONGEST_NAME} signs, without a blank or a slash: choose a shorter one"
        )
    return name


AdapterName = Annotated[str, AfterValidator(_short_name)]


ADDRESS: Final = r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):[0-9]{1,5}$"
"""Host and port; an IPv6 address stands in brackets."""


class HubSection(BaseModel):
    """`[hub]`: the city, and where things are. Paths are relative to the configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    city: str = Field(default="Stad Leuven", description="How the city signs its mails.")
    reference_prefix: str = Field(
        default="LEU", pattern="^[A-Z]{2,5}$", description="First part of a case number."
    )
    mail_domain: str = Field(default="localhost", description="Domain of the Message-IDs that the hub makes.")
    dispatch: str = Field(default="dispatch.toml", description="The dispatch table.")
    texts: str = Field(
        default="",
        description="Folder with texts of mails that differ from those that come along; empty: none do.",
    )
    data: str = Field(default="var", description="Folder of the embedded journal.")
    secrets: str = Field(default="secrets", description="Folder with one file per secret.")
    listen: str = Field(
        default="127.0.0.1:8080",
        pattern=ADDRESS,
        description="Address and port of the doors and the console.",
    )


class JournalSection(BaseModel):
    """`[journal]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="",
        description="SQLAlchemy URL, or the secret that holds it; empty: SQLite in the data folder.",
    )
    ca_file: str = Field(
        default="", description="Authority of PostgreSQL's certificate; empty: those that the system trusts."
    )
    plaintext: bool = Field(
        default=False,
        description="Allow a line to another machine that is not encrypted or not proven: only within a "
        "network that nobody else reaches.",
    )
    apart: str = Field(
        default="",
        description="Folder for the lists that must outlive the journal (erasures, opened cases): on another "
        "disk. Empty: `apart` in the data folder.",
    )


class BrokerSection(BaseModel):
    """`[broker]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="memory:",
        description="`memory:` within one process, or `amqps://...` for RabbitMQ, or the secret that holds it.",
    )
    ca_file: str = Field(
        default="", description="Authority of RabbitMQ's certificate; empty: those that the system trusts."
    )
    plaintext: bool = Field(default=False, description="Allow `amqp://` to another machine; see `[journal]`.")


class WorkerSection(BaseModel):
    """`[worker]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: int = Field(default=256, ge=1, description="Effects tried at the same time by one process.")
    lease: float = Field(
        default=60, gt=0, description="Seconds until a dead worker's effects are taken over."
    )


class TargetSection(BaseModel):
    """`[targets.<name>]`: the limits of a target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str = Field(default="", description="Which adapter serves it, when several could.")
    concurrency: int = Field(default=8, ge=1, description="Tries at the same time, per process.")
    budget: int = Field(default=0, ge=0, description="Tries per minute over all processes; 0: no limit.")
    rate: float = Field(default=0, ge=0, description="Tries per second, per process; 0: no limit.")
    patience: float = Field(default=20, gt=0, description="Seconds before a try counts as unanswered.")


class AnswersSection(BaseModel):
    """`[answers]`: which adapters tell customers how their cases stand, beside mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    board: str = Field(default="", description="Adapter of the status board (DOSIS); empty: none.")
    notices: str = Field(
        default="", description="Adapter of the notification service (Mijn Burgerprofiel); empty: none."
    )


class Settings(BaseModel):
    """`hub.toml` as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: HubSection = HubSection()
    journal: JournalSection = JournalSection()
    broker: BrokerSection = BrokerSection()
    worker: WorkerSection = WorkerSection()
    console: ConsoleSettings = ConsoleSettings()
    metrics: MetricsSettings = MetricsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    retention: RetentionTerms = RetentionTerms()
    api: ApiSettings = ApiSettings()
    answers: AnswersSection = AnswersSection()
    reconcile: ReconcileSection = ReconcileSection()
    alarm: AlarmSection = AlarmSection()
    targets: dict[str, TargetSection] = {}
    adapters: dict[AdapterName, dict[str, Any]] = {}

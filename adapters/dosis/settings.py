"""What an administrator sets for DOSIS. What is not public (hosts, paths, spelling) is a setting."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from adapters.digitaal_vlaanderen.settings import Connection, LogIn, protected
from adapters.digitaal_vlaanderen.statuses import Statuses
from canonical_model.contact import Kind
from canonical_model.identifiers import Scheme

PLACE = "{case}"
"""Where the case number goes in an address."""


class Feed(BaseModel):
    """The feed for a connector that polls us."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[SecretStr, ...] = Field(
        min_length=1,
        description="What the connector sends as `Authorization: Bearer ...`; 24 characters or more each. "
        "Two while one is being replaced.",
    )
    most: int = Field(default=100, ge=1, le=100, description="Changes in one answer, at most.")

    @field_validator("tokens")
    @classmethod
    def _long_enough(cls, tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(token.get_secret_value()) < 24 for token in tokens):
            raise ValueError("a token needs 24 characters or more")
        return tokens


class CodeLists(BaseModel):
    """Where the lists of phases and codes stand in the answer to `paths.validation`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phases: str = Field(
        default="StatusVlaamseFases", description="Name of the list of phases; dots lead inwards."
    )
    codes: str = Field(default="StatusVlaamseCodes", description="Name of the list of codes.")
    value: str = Field(default="Code", description="Field with the code, where the list holds objects.")
    hours: float = Field(default=24, gt=0, description="How long the lists are believed.")


class Paths(BaseModel):
    """The calls; versions differ between environments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload: str = Field(
        default="/api/v2/dosis/dossiers", pattern="^/", description="POST: the status of a dossier."
    )
    dossier: str = Field(
        default="/api/v1/dosis/dossiers", pattern="^/", description="DELETE: take a dossier away."
    )
    result: str = Field(
        default="/api/v1/dosis/resultaten", pattern="^/", description="GET: the last result of a dossier."
    )
    result_by_upload: str = Field(
        default="/api/v1/dosis/resultaten/perUploadId",
        pattern="^/",
        description="GET: the result of one upload.",
    )
    failures: str = Field(
        default="/api/v1/dosis/resultaten/fouten", pattern="^/", description="GET: what failed afterwards."
    )
    sources: str = Field(
        default="/api/v2/dosis/bronnen/uris",
        pattern="^/",
        description="GET: the sources that we may write for.",
    )
    validation: str = Field(
        default="/api/v1/dosis/instellingen/validatie",
        pattern="^(/|$)",
        description="GET: the code lists; empty: they are not read.",
    )


class DosisLogIn(LogIn):
    """How we log in at DOSIS."""

    scope: str = Field(
        default="DosisImport",
        description="What we ask for, spelled as it was granted: upper and lower case matter.",
    )


class Push(Connection):
    """The DOSIS that we push to."""

    log_in: DosisLogIn = Field(description="How we log in there.")
    paths: Paths = Field(default=Paths(), description="The calls, where they differ from the public page.")
    code_lists: CodeLists = Field(
        default=CodeLists(), description="How DOSIS tells which phases and codes it knows."
    )
    result_seconds: float = Field(
        default=2,
        ge=0,
        le=20,
        description="An upload waits so long for its result before the next one of its dossier may go; 0: not at all. "
        "What is refused later comes in through `paths.failures`.",
    )
    poll_seconds: float = Field(
        default=60, gt=0, description="Pause between two looks at what failed afterwards."
    )


class Address(BaseModel):
    """Where the manager of the dossiers can be visited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    street: str = Field(description="`Straat`")
    number: str = Field(description="`Nummer`")
    postcode: str = Field(description="`Postcode`")
    municipality: str = Field(default="Leuven", description="`Gemeente`")


class Manager(BaseModel):
    """Who keeps the dossiers, as the customer reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="Stad Leuven", description="`Naam`")
    service: str = Field(
        default="Klantencontactcentrum", description="`Dienst`, where `services` has no other."
    )
    phone: str = Field(default="", description="`Telefoon`")
    email: str = Field(default="", description="`Email`")
    website: str = Field(default="", description="`Website`")
    address: Address | None = Field(default=None, description="`Adres`")


class Settings(BaseModel):
    """Status of cases for the portals of Flanders."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(
        min_length=1, description="`Bron`: our URI at DOSIS, for instance `urn://leuven/contact`."
    )
    push: Push | None = Field(default=None, description="The DOSIS that we push to; left out: we do not.")
    feed: Feed | None = Field(default=None, description="A feed for a connector; left out: closed.")
    statuses: Statuses = Field(
        default=Statuses(), description="Phases and codes, where they are others than usual."
    )
    rights: dict[Scheme, tuple[str, ...]] = Field(
        default={Scheme.INSZ: ("Raadpleger",)},
        description="`Toegangsrechten` by kind of number: insz, kbo, vestigingsnummer, vcode. For companies and associations a right of "
        "the Flemish user management, `<recht> - <context>`. A kind that is left out is not published.",
    )
    product: str = Field(
        default="",
        pattern="^[0-9]{0,12}$",
        description="IPDC number where a case has none: DOSIS wants exactly one.",
    )
    products: dict[Kind, str] = Field(
        default={},
        description="IPDC number by kind (question, report, suggestion, complaint), before `product`.",
    )
    link: str = Field(
        default="",
        description="`Doorverwijzing`: the customer's page of a case, with `{case}` for its number; empty: none.",
    )
    dossier_type: str = Field(default="DossierStatus", description="`TypeDossierCode`")
    due_field: str = Field(
        default="",
        pattern="^[A-Za-z]{0,60}$",
        description="Name of the field for the target date, such as `StreefDatum`; empty: it is not told.",
    )
    manager: Manager = Field(default=Manager(), description="Who keeps the dossiers.")
    services: dict[str, str] = Field(
        default={},
        description="Handler group -> `Dienst` as customers read it, for instance `wegen = 'Wegendienst'`.",
    )

    @field_validator("link")
    @classmethod
    def _with_a_place(cls, link: str) -> str:
        if link and PLACE not in link:
            raise ValueError("expected an address with {case} in it")
        return protected(link) if link else link

    @model_validator(mode="after")
    def _tells_somebody(self) -> Self:
        if self.push is None and self.feed is None:
            raise ValueError("`push`, `feed` or both are needed")
        return self

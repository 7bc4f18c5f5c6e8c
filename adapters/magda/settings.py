"""What an administrator sets for MAGDA."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from canonical_model.contact import Channel
from canonical_model.identifiers import kbo

_ADDRESS = r"^https?://[^\s]+$"


class Persons(BaseModel):
    """GeefPersoon: who has a national number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="https://magdapersoondienst.vlaanderen.be/GeefPersoonDienst-02.02/soap/WebService",
        pattern=_ADDRESS,
        description="Address of the service.",
    )
    name: str = Field(default="GeefPersoon", description="Name of the service, in the context.")
    version: str = Field(default="02.02.0000", description="Its version, in the context.")
    namespace: str = Field(
        default="http://magda.vlaanderen.be/persoon/soap/geefpersoon/v02_02",
        description="Namespace of the request; it does not follow from the name.",
    )
    source: str = Field(default="RR", description="Which source MAGDA asks: the national register.")
    channels: tuple[Channel, ...] = Field(
        default=(Channel.MIJN_BURGERPROFIEL,),
        description="Only persons who came by these channels are looked up: those where they proved who they are.",
    )


class Companies(BaseModel):
    """GeefOnderneming: which company has a number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        pattern=_ADDRESS,
        description="Address of the service, ending in `/GeefOndernemingDienst-02.00/soap/WebService`.",
    )
    name: str = Field(default="GeefOnderneming", description="Name of the service, in the context.")
    version: str = Field(default="02.00.0000", description="Its version, in the context.")
    namespace: str = Field(
        default="http://webservice.geefondernemingdienst-02_00.onderneming-02_00.vip.vlaanderen.be",
        description="Namespace of the request; it does not follow from the name.",
    )
    hours: float = Field(default=24, gt=0, description="How long a company's name is believed.")
    probe: str = Field(
        default="", description="A company number that `wegwijzer check` asks for, such as the city's own."
    )

    @field_validator("probe")
    @classmethod
    def _is_a_number(cls, number: str) -> str:
        return kbo(number).value if number else ""


class Settings(BaseModel):
    """MAGDA."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    legal_basis: str = Field(
        min_length=3,
        description="The protocol or authorisation under which we may ask; goes to the audit trail.",
    )
    purpose: str = Field(
        min_length=3, max_length=100, description="What for, in a few words; goes to the audit trail."
    )
    sender: str = Field(min_length=1, max_length=100, description="Our identification at MAGDA (Afzender).")
    capacity: str = Field(
        default="", max_length=100, description="Our hoedanigheid, while MAGDA still asks for one."
    )
    certificate_file: str = Field(
        description='Our certificate (PEM), then those of its authorities; `"file:magda.pem"` is beside `hub.toml`.'
    )
    key_file: str = Field(description="Its private key (PEM).")
    key_password: SecretStr | None = Field(default=None, description="The key's password, when it has one.")
    ca_file: str = Field(
        default="", description="Authorities of MAGDA's certificate; empty: those of the machine."
    )
    signature: Literal["rsa-sha1", "rsa-sha256"] = Field(
        default="rsa-sha1", description="How the body is signed; MAGDA's own connector uses `rsa-sha1`."
    )
    token: Literal["pkipath", "x509v3"] = Field(
        default="pkipath", description="How our certificate goes along: with its authorities, or alone."
    )
    seconds: float = Field(
        default=2.5, gt=0, lt=3, description="Time for one answer; the contact's sender waits for it."
    )
    per_second: float = Field(
        default=10,
        gt=0,
        le=100,
        description="Most questions per second, per process; fewer after MAGDA complained.",
    )
    pause_seconds: float = Field(
        default=60, gt=0, description="How long MAGDA is left alone after it failed, or refused us."
    )
    allow_test_numbers: bool = Field(
        default=False, description="Accept national numbers of MAGDA's test range; never in production."
    )
    persons: Persons | None = Field(default=None, description="Look people up; left out: nobody is.")
    companies: Companies | None = Field(default=None, description="Look companies up; left out: none is.")

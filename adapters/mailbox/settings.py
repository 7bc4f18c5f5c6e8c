"""Settings of one set of group mailboxes: one IMAP server, one relay, any number of mailboxes."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from canonical_model.contact import Kind

Tls = Literal["tls", "starttls", "none"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OAuth(_Settings):
    """Where an access token comes from: exactly one of `token`, `token_command` and `token_url`."""

    token: SecretStr | None = Field(None, description="A ready access token; somebody else renews it.")
    token_command: tuple[str, ...] = Field((), description="A program that prints an access token.")
    token_url: str = Field("", description="Token endpoint for the client-credentials grant.")
    client_id: str = Field("", description="Client id at the token endpoint.")
    client_secret: SecretStr | None = Field(None, description="Client secret at the token endpoint.")
    scope: str = Field(
        "", description="Scope to ask for; Microsoft 365: https://outlook.office365.com/.default"
    )

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        ways = (self.token is not None) + bool(self.token_command) + bool(self.token_url)
        if ways != 1:
            raise ValueError("set exactly one of token, token_command and token_url")
        if self.token_url and not (self.client_id and self.client_secret):
            raise ValueError("token_url needs client_id and client_secret")
        return self


class Account(_Settings):
    """A mailbox that can be logged in to: with a password or with OAuth (XOAUTH2)."""

    address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="The address of the mailbox.")
    user: str = Field("", description="Log-in name; the address when left out.")
    password: SecretStr | None = Field(None, description="Password, when no OAuth is used.")
    oauth: OAuth | None = Field(None, description="Access token settings, instead of a password.")
    folder: str = Field("INBOX", description="The folder that is read.")

    @property
    def login_name(self) -> str:
        return self.user or self.address

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.password is None) == (self.oauth is None):
            raise ValueError("set either password or oauth")
        return self


class Mailbox(Account):
    """A group mailbox that the hub empties into the journal."""

    done_folder: str = Field(
        "Verwerkt", description="Where mail goes once it is safely stored; made if absent."
    )
    failed_folder: str = Field("Fout", description="Where mail goes that could not be understood.")
    kind: Kind | None = Field(None, description="What mail to this address always is, e.g. complaint.")
    category: str = Field("", description="Subject category that mail to this address always has.")


class Sender(_Settings):
    """Who the city's mails come from."""

    address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="Address in From.")
    name: str = Field("", description="Name in From, e.g. Stad Leuven.")


class Settings(_Settings):
    """Everything about mail in and mail out; both halves are optional."""

    imap_host: str = Field("", description="IMAP server.")
    imap_port: int = Field(993, ge=1, le=65535, description="993 for tls, 143 for starttls.")
    imap_tls: Tls = Field("tls", description="`none` only where the network itself is trusted.")
    imap_timeout: float = Field(30.0, gt=0, description="Seconds that one IMAP answer may take.")
    ca_file: str = Field("", description="Certificate authority of the servers, when it is the city's own.")
    mailboxes: tuple[Mailbox, ...] = Field((), description="The group mailboxes to read.")
    idle_seconds: float = Field(60.0, gt=0, le=240, description="Longest wait for a hint of the server.")
    reconnect_seconds: float = Field(
        900.0, gt=0, description="Age at which an IMAP connection is renewed; some die in silence."
    )

    smtp_host: str = Field("", description="Relay that takes outgoing mail; empty = no mail out.")
    smtp_port: int = Field(587, ge=1, le=65535, description="465 for tls, 587 for starttls, 25 for none.")
    smtp_tls: Tls = Field("starttls", description="`none` only where the network itself is trusted.")
    smtp_user: str = Field("", description="Log-in name at the relay; empty = no log-in.")
    smtp_password: SecretStr | None = Field(None, description="Password at the relay.")
    smtp_oauth: OAuth | None = Field(None, description="Access token settings, instead of a password.")
    smtp_timeout: float = Field(60.0, gt=0, description="Seconds that one SMTP answer may take.")
    sender: Sender | None = Field(None, description="Who mail comes from; needed for mail out.")
    bounce_address: str = Field(
        "",
        description="Envelope sender of answers: bounces go there. Default: the sender. Must be read by us.",
    )
    sent_mailbox: Account | None = Field(
        None,
        description="Gets a copy of every mail as extra envelope recipient: the proof that the relay took it.",
    )
    sent_patience: float = Field(
        15.0, ge=0, description="Seconds that a copy may need to arrive before it counts as never sent."
    )

    reply_base: str = Field("", description="Address whose plus-part tells the case of a reply; read by us.")
    reply_secret: SecretStr | None = Field(
        None, description="Signs the case in reply addresses; 32 characters."
    )
    own_addresses: tuple[str, ...] = Field((), description="Further addresses that only the hub writes from.")
    own_domains: tuple[str, ...] = Field(
        (), description="Domains that only the hub writes from, in From or Message-ID; never the city's own."
    )

    max_mail_bytes: int = Field(30_000_000, gt=0, description="Larger mails are parked for a person.")
    max_parts: int = Field(1000, gt=0, description="Mails with more MIME parts are parked.")
    max_nesting: int = Field(
        100, gt=0, le=100, description="Mails with more containers in each other are parked."
    )
    max_attachments: int = Field(100, gt=0, description="Attachments taken over per mail.")
    max_attachment_bytes: int = Field(25_000_000, gt=0, description="Largest attachment taken over.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.mailboxes or self.sent_mailbox) and not self.imap_host:
            raise ValueError("mailboxes and sent_mailbox need imap_host")
        if self.smtp_host and self.sender is None:
            raise ValueError("smtp_host needs sender")
        if self.reply_base and self.reply_secret is None:
            raise ValueError("reply_base needs reply_secret")
        if self.smtp_user and (self.smtp_password is None) == (self.smtp_oauth is None):
            raise ValueError("smtp_user needs either smtp_password or smtp_oauth")
        addresses = [box.address.lower() for box in self.mailboxes]
        if len(set(addresses)) != len(addresses):
            raise ValueError("mailboxes: every address once")
        return self

"""Our public status as phase and code of OSLO Dienst-Transactiemodel, by a table that the city can change.

Source: the code lists StatusVlaamseFase and StatusVlaamseCode (OSLO). DOSIS spells some codes in its own way, so what it
says itself counts: `adapters.dosis` reads its lists.
"""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict, Field

from canonical_model.contact import Kind
from canonical_model.public_status import PublicStatus


class Step(BaseModel):
    """What the portals show for a status."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: str = Field(
        min_length=1, description="`StatusVlaamseFase`: Samenstelling, Behandeling, Beslissing ..."
    )
    code: str = Field(
        min_length=1, description="`StatusVlaamseCode`: Ontvangen, InVerwerking, Afgehandeld ..."
    )
    action: bool = Field(default=False, description="It is the customer's turn: portals show it first.")


Table = Mapping[PublicStatus, Step]

USUAL: Table = {
    PublicStatus.RECEIVED: Step(phase="Samenstelling", code="Ontvangen"),
    PublicStatus.IN_PROGRESS: Step(phase="Behandeling", code="InVerwerking"),
    PublicStatus.WAITING_FOR_CUSTOMER: Step(phase="Behandeling", code="DossierOnvolledig", action=True),
    PublicStatus.PLANNED: Step(phase="Uitvoering", code="Gepland"),
    PublicStatus.EXECUTED: Step(phase="Uitvoering", code="Uitgevoerd"),
    PublicStatus.ANSWERED: Step(phase="Afgerond", code="Afgehandeld"),
    PublicStatus.CLOSED: Step(phase="Afgerond", code="Afgehandeld"),
    PublicStatus.WITHDRAWN: Step(phase="Afgerond", code="Stopgezet"),
    PublicStatus.TRANSFERRED: Step(phase="Afgerond", code="Overgedragen"),
}
"""What is not set."""

USUAL_OF_KIND: Mapping[Kind, Table] = {
    Kind.SUGGESTION: {
        PublicStatus.ANSWERED: Step(phase="Afgerond", code="Aktename"),
        PublicStatus.CLOSED: Step(phase="Afgerond", code="Aktename"),
    }
}


class Statuses(BaseModel):
    """Which phase and code stand for which status; what is left out stays as usual."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all_kinds: dict[PublicStatus, Step] = Field(
        default={},
        description='For instance `in_progress = { phase = "Behandeling", code = "InBehandeling" }`.',
    )
    of_kind: dict[Kind, dict[PublicStatus, Step]] = Field(
        default={}, description="Exceptions for one kind: question, report, suggestion or complaint."
    )

    def step(self, kind: Kind | None, status: PublicStatus) -> Step:
        """What stands for this status; an exception of the kind goes first. None: no kind is known."""
        usual = {**USUAL, **(USUAL_OF_KIND.get(kind, {}) if kind else {})}
        own = {**self.all_kinds, **(self.of_kind.get(kind, {}) if kind else {})}
        return own.get(status) or usual[status]

    def used(self) -> Iterator[tuple[str, Step]]:
        """Every step that may be told, with the name of its setting."""
        for status in PublicStatus:
            yield f"all_kinds.{status}", self.step(None, status)
        for kind in Kind:
            for status in PublicStatus:
                if self.step(kind, status) != self.step(None, status):
                    yield f"of_kind.{kind}.{status}", self.step(kind, status)

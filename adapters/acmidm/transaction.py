"""How a case stands in the words of OSLO Dienst-Transactiemodel, the same as Mijn Burgerprofiel shows from DOSIS.

Source: OSLO Dienst-Transactiemodel, code lists StatusVlaamseFase and StatusVlaamseCode.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from canonical_model.status import OSLO_STATUS, CaseStatus


class Phase(StrEnum):
    """StatusVlaamseFase, as far as a contact with the city goes through it."""

    COMPOSITION = "Samenstelling"
    TREATMENT = "Behandeling"
    EXECUTION = "Uitvoering"
    ENDED = "Afgerond"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStatus:
    """`code` is of StatusVlaamseCode. `action_needed`: it is the customer's turn."""

    phase: Phase
    code: str
    action_needed: bool = False


TRANSACTION_STATUS: Mapping[CaseStatus, TransactionStatus] = {
    CaseStatus.NEW: TransactionStatus(phase=Phase.COMPOSITION, code="Ontvangen"),
    CaseStatus.IN_PROGRESS: TransactionStatus(phase=Phase.TREATMENT, code="InVerwerking"),
    CaseStatus.WAITING_FOR_CUSTOMER: TransactionStatus(
        phase=Phase.TREATMENT, code="DossierOnvolledig", action_needed=True
    ),
    CaseStatus.WAITING_FOR_FIELD_TEAM: TransactionStatus(phase=Phase.EXECUTION, code="Gepland"),
    CaseStatus.ANSWERED: TransactionStatus(phase=Phase.ENDED, code="Afgehandeld"),
    CaseStatus.CLOSED: TransactionStatus(phase=Phase.ENDED, code="Afgehandeld"),
}


def as_json(status: CaseStatus) -> Mapping[str, str | bool]:
    """The status as a portal's system reads it: OSLO-Melding's value beside the Flemish code and phase."""
    shown = TRANSACTION_STATUS[status]
    concept = f"https://data.vlaanderen.be/id/concept/MeldingStatuswaarde/{OSLO_STATUS[status]}"
    return {
        "statuswaarde": concept,
        "statusVlaamsCode": shown.code,
        "statusVlaamsFase": shown.phase,
        "actieNodig": shown.action_needed,
    }

"""What MAGDA's codes mean for us: try again, ask a person, mend the settings, or nothing to find. Pure.

Facts: MAGDA's list of exceptions. A code that nobody knows goes to a person. The texts beside the codes are not used: they may
repeat what was asked.
"""

from collections.abc import Iterable

from adapters.magda.translate import Trouble
from ports.errors import AdapterError, MisconfiguredError, RejectedError, TransientError

REPLACED = "30004"
"""The INSZ was replaced by another one; the answer is about that one."""
_NOT_FOUND = frozenset({"30001", "30003"})
_NOT_REGISTERED = frozenset({"13202", "40003"})
_NOT_ALLOWED = frozenset({"30032", "40000", "40006", "Client"})
_SOURCE_AWAY = frozenset({"60003", *(f"{number}" for number in range(60006, 60014))})
_BUSY = frozenset({"99995", "99996"})
_TECHNICAL = frozenset({"99984", "99986", "99994", "99997"})


def is_busy(troubles: Iterable[Trouble]) -> bool:
    """Whether MAGDA wants fewer questions at the same time."""
    return any(trouble.code in _BUSY for trouble in troubles)


def is_unknown(troubles: Iterable[Trouble]) -> bool:
    """Whether all that is wrong is that there is nothing under this number."""
    errors = [trouble for trouble in troubles if trouble.is_error]
    return bool(errors) and all(trouble.code in _NOT_FOUND for trouble in errors)


def error_of(troubles: Iterable[Trouble]) -> AdapterError | None:
    """The error for the worst of these; None: there was no error among them."""
    errors = [_error(trouble) for trouble in troubles if trouble.is_error]
    return min(errors, key=_weight, default=None)


def _error(trouble: Trouble) -> AdapterError:
    code = trouble.code or "a fault without a code"
    told = f"{code} from {trouble.origin}" if trouble.origin else code
    if trouble.code in _NOT_ALLOWED:
        return MisconfiguredError(
            f"MAGDA does not allow this ({told}): look at `sender`, `capacity`, `signature`, `token` and our rights"
        )
    if trouble.code in _BUSY:
        return TransientError(f"MAGDA has too much to do ({told})", retry_after=1)
    if not trouble.code or trouble.code in _SOURCE_AWAY | _TECHNICAL:
        return TransientError(f"MAGDA or its source can't answer now ({told})")
    if trouble.code in _NOT_REGISTERED:
        return RejectedError(f"MAGDA: the person is not registered for us in the repertory ({told})")
    return RejectedError(f"MAGDA refuses the question ({told})")


def _weight(error: AdapterError) -> int:
    """What stops everything goes before what a person must see, and that before what passes."""
    return (MisconfiguredError, RejectedError, TransientError).index(type(error))

"""Who may try an effect now: asked for beforehand, or when somebody has time."""

from canonical_model.commands import Command
from canonical_model.value import Hidden, Value


class Ticket(Value, frozen=True, kw_only=True):
    """A worker's promise, made before a message is accepted: what can start at once for these targets, it takes.

    So the effects of a new case are claimed in the transaction that writes them down. `taken_at` is monotonic.
    """

    owner: str
    lease: int  # microseconds
    targets: frozenset[str]
    taken_at: float


class ClaimRequest(Value, frozen=True, kw_only=True):
    """Ask to work on some effects. Targets in `held` are paused or known to be down.

    `budgets` limits the tries per minute of a target over all workers, `caps` how many of a target's effects
    this claim may bring.
    """

    ids: tuple[str, ...]
    owner: str
    lease: int  # microseconds
    held: frozenset[str] = frozenset()
    budgets: tuple[tuple[str, int], ...] = ()
    caps: tuple[tuple[str, int], ...] = ()


class Claimed(Value, frozen=True, kw_only=True):
    """An effect that is ours until the lease ends. `probe`: an earlier try may have worked; look first.

    `deaths`: how many workers died on it since a person last decided about it.
    """

    id: str
    key: str
    case_ref: str
    message_id: str
    target: str
    action: str
    attempt: int
    probe: bool
    command: Hidden[Command]
    deaths: int = 0


class Claim(Value, frozen=True, kw_only=True):
    """What was taken, and (target, effect) pairs that only a cap kept back: ask for them again soon.

    `bulk`: those of the effects kept back that let others go first.
    """

    effects: tuple[Claimed, ...] = ()
    kept_back: tuple[tuple[str, str], ...] = ()
    bulk: frozenset[str] = frozenset()

"""An effect in the hands of a worker shows nothing of what it says."""

from journal.claims import Claimed
from tests.canonical_model.test_codec import COMMAND_VALUES

CLAIMED = Claimed(
    id="1",
    key="k",
    case_ref="LEU-2026-000001",
    message_id="2",
    target="tracker",
    action="open_case",
    attempt=1,
    probe=False,
    command=COMMAND_VALUES[0],
)


def test_what_is_to_be_done_is_not_shown() -> None:
    assert "command" not in repr(CLAIMED)
    assert "command" not in str(CLAIMED.__rich_repr__())
    assert "action='open_case'" in repr(CLAIMED)

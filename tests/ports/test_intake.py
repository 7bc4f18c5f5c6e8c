"""What passes the door shows nothing of what it brings."""

from canonical_model.attachment import Attachment, Claim
from ports.intake import File, Inbound

FILE = File(
    attachment=Attachment(claim=Claim("a" * 64), name="foto.jpg", media_type="image/jpeg", size=8),
    content=b"Janssens",
)
INBOUND = Inbound(
    source="mail", source_ref="1", raw=b"Janssens", media_type="text/plain", files=(FILE,), bulk=True
)


def test_the_bytes_that_came_in_are_not_shown() -> None:
    for shown in (repr(INBOUND), str(INBOUND.__rich_repr__()), repr(FILE), str(FILE.__rich_repr__())):
        assert "Janssens" not in shown
    assert "source='mail'" in repr(INBOUND)

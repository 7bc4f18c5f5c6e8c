"""Whatever comes in at CityControl's door: confirmed, or refused in StUF and kept; who is not CityControl is not heard."""

from hypothesis import given
from hypothesis import strategies as st

from demo.outside.citycontrol import (
    DOCUMENT_ACTION,
    OUR_PASSWORD,
    OUR_USERNAME,
    STATUS_ACTION,
    Case,
    document_message,
    status_message,
)
from tests.adapters.bad_input import DEEP_XML, FEW, GARBAGE, PERSONAL, quiet, spoilt

ORDER = "LEU-2026-000123.01"
STATUS = status_message(
    Case(ORDER, "t", "", "", "", status="Gepland", status_at="20260302080000", remark=PERSONAL)
)
SHOWN = Case(ORDER, "t", "", "", "")
SHOWN.documents["CTC-D1"] = ("image/jpeg", b"\xff\xd8\xff")
DOCUMENT = document_message(SHOWN, "CTC-D1")
PLACES = (
    b"20260302080000",
    b"Gepland",
    ORDER.encode(),
    b"http://www.egem.nl/StUF/sector/zkn/0310",
    b"Lk01",
    b"ZAKSTT",
)
BODIES = (
    spoilt(STATUS, PLACES)
    | spoilt(DOCUMENT, (*PLACES, b"/9j/", b"image/jpeg"))
    | GARBAGE
    | st.sampled_from(DEEP_XML)
)
ACTIONS = st.sampled_from((STATUS_ACTION, DOCUMENT_ACTION, "", '"', "é", "http://elsewhere"))


@FEW
@given(BODIES, ACTIONS)
async def test_whatever_citycontrol_sends_is_confirmed_or_refused_in_stuf_and_kept(
    door_with, intake, body, action
):
    sent = {"SOAPAction": action.encode("latin-1")}
    with quiet():
        async with door_with() as door:
            answer = await door.post("/soap", content=body, auth=(OUR_USERNAME, OUR_PASSWORD), headers=sent)
            good = await door.post(
                "/soap",
                content=STATUS,
                auth=(OUR_USERNAME, OUR_PASSWORD),
                headers={"SOAPAction": STATUS_ACTION},
            )

    assert "berichtcode>Bv03<" in good.text
    assert PERSONAL not in answer.text
    if "berichtcode>Fo03<" in answer.text:
        assert answer.status_code == 500, "a SOAP fault over HTTP"
        assert [one.problem for one in intake.stored if one.raw == body] != []
    else:
        assert "berichtcode>Bv03<" in answer.text
        assert answer.status_code == 200


@FEW
@given(
    BODIES,
    st.sampled_from(("", "Basic", "Basic é", "Basic =", "Basic eDp5", "Bearer x", f"Basic {PERSONAL}")),
)
async def test_who_is_not_citycontrol_is_refused_and_not_kept(door_with, intake, body, proof):
    sent = {"SOAPAction": STATUS_ACTION, "Authorization": proof.encode("latin-1")}
    with quiet():
        async with door_with() as door:
            answer = await door.post("/soap", content=body, headers=sent)

    assert answer.status_code == 401
    assert intake.stored == []

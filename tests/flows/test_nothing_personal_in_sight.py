"""A morning full of failures with somebody whose every word is known: none of it is in a log, a metric or the broker.

What is planted comes in through every door, understood or not; the tracker dies, the relay refuses and quotes the
address in its answer. Then everything that an administrator, a monitor or a broker sees is searched.
"""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from standardwebhooks import Webhook

from demo.roundup import start as start_tracker
from tests.flows.city import City, eventually, running_city
from tests.servers import smtp_sink, wiretap

FIRST, LAST = "Filomena", "Quaghebeur"
EMAIL = "filomena.quaghebeur@postvak.example"
REFUSED = "quaghebeur.refused@postvak.example"
INSZ = "85073003328"
TEXT = "wratten op haar linkervoet"
STREET = "Schapenstraat 37"
PHONE = "0478 90 34 12"
PERSON = {"name": f"{FIRST} {LAST}", "email": EMAIL, "phone": PHONE, "insz": INSZ}

PLANTED = [
    FIRST,
    LAST,
    "85.07.30",
    INSZ,
    TEXT,
    "wratten",
    "Schapenstraat",
    PHONE,
    "478903412",
    "postvak.example",
    b64encode(EMAIL.encode()).decode(),
    b64encode(TEXT.encode()).decode(),
]

_NUMBERS = count(1)

SUBJECT = f"Vraag van {LAST} over {TEXT}"
BODY = f"Ik ben {FIRST} {LAST}, INSZ 85.07.30-033.28, {STREET}, tel. {PHONE}. Mijn dochter heeft {TEXT}."


@pytest.mark.slow
def test_nothing_personal_is_in_logs_metrics_errors_or_broker(tmp_path: Path, rabbitmq_url: str):
    rabbit = urlsplit(rabbitmq_url)
    with wiretap.before(rabbit.port or 5672) as tap:
        broker = f'[broker]\nurl = "amqp://guest:guest@127.0.0.1:{tap.port}//"\n\n# [journal]'
        with running_city(tmp_path, {"# [journal]": broker, "concurrency = 4": "concurrency = 2"}) as city:
            seen = asyncio.run(_the_morning(city, tmp_path))
            told = _told_by_the_journal(city)
        seen |= {"broker": tap.said, "log": (city.folder / "hub.log").read_bytes(), **told}

    assert b"attempt_failed" in seen["log"], "the morning must have had failures"
    assert b"submission_not_understood" in seen["log"]
    assert b"wegwijzer_received_messages_total" in seen["metrics"]
    assert len(re.findall(rb"[0-9a-f]{32}", seen["broker"])) > 3, "ids go over the broker"
    assert b"refuses the recipient (550)" in seen["attempts"]
    assert b"Roundup cannot be reached" in seen["attempts"]
    found = {name: [word for word in PLANTED if word.lower() in _plain(seen[name])] for name in seen}
    assert not {name: words for name, words in found.items() if words}


async def _the_morning(city: City, folder: Path) -> Mapping[str, bytes]:
    with _relay_that_refuses(city, folder) as sink, city.running_hub():
        sink.recipient_answers[REFUSED] = f"550 5.1.1 <{REFUSED}>: no such user, {FIRST} {LAST}"
        async with httpx.AsyncClient(base_url=city.doors, trust_env=False, timeout=30) as website:
            await _write(website, city, REFUSED)
            city.tracker.kill()
            await _write(website, city, EMAIL)
            await _write_nonsense(website, city)
            await _knock_elsewhere(website, city)
            await asyncio.sleep(1)
            again = start_tracker(city.tracker.home, (), port=city.tracker.port)
            try:
                await eventually(lambda: _all_came_in(city), "all came in, and something failed", 60)
                token = (city.folder / "secrets" / "metrics_token").read_text().strip()
                metrics = await website.get(
                    f"http://{city.address}/metrics", headers={"Authorization": f"Bearer {token}"}
                )
                ready = await website.get(f"http://{city.address}/health/ready")
            finally:
                again.stop()
    return {"metrics": metrics.content, "health": ready.content}


@contextmanager
def _relay_that_refuses(city: City, folder: Path) -> Iterator[smtp_sink.Sink]:
    (folder / "sent").mkdir()
    with smtp_sink.running(folder / "sent", domain="leuven.test", lmtp_port=city.mailboxes.lmtp_port) as sink:
        settings = city.hub_toml.read_text("utf-8")
        city.hub_toml.write_text(
            settings.replace(f"smtp_port = {city.relay_port}", f"smtp_port = {sink.port}")
        )
        yield sink


async def _write(website: httpx.AsyncClient, city: City, sender: str) -> None:
    """Real questions, by mail and by form."""
    name = sender.partition("@")[0]
    mail = (
        f"From: {FIRST} {LAST} <{sender}>\r\nTo: meldingen@leuven.test\r\nSubject: {SUBJECT}\r\n"
        f"Message-ID: <{name}.1@postvak.example>\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{BODY}\r\n'
        f'--b\r\nContent-Type: application/pdf; name="{LAST}.pdf"\r\n'
        f'Content-Disposition: attachment; filename="{LAST}.pdf"\r\n\r\n{BODY}\r\n--b--\r\n'
    )
    await asyncio.to_thread(city.send, sender, ["meldingen@leuven.test"], mail.encode())
    submission = {
        "subject": SUBJECT,
        "message": BODY,
        "person": PERSON | {"email": sender},
        "location": {"address": STREET, "postcode": "3000"},
    }
    await _signed(website, city, submission)


async def _write_nonsense(website: httpx.AsyncClient, city: City) -> None:
    """What nobody can understand, with the same person in values, names of fields, file names and headers."""
    bearer = {"Authorization": f"Bearer {city.tokens.open_forms}"}
    await _signed(website, city, {"subject": 3, "message": BODY, PHONE: LAST, "person": [PERSON]})
    await _signed(website, city, {"subject": SUBJECT, "message": BODY, LAST: TEXT})
    await _signed(
        website, city, {"subject": SUBJECT, "message": BODY, "person": PERSON | {"insz": INSZ[:-1] + "9"}}
    )
    await _signed(website, city, {"subject": SUBJECT, "message": BODY, "person": PERSON | {"email": TEXT}})
    await website.post("open-formulieren", content=f'{{"values": {{"naam": "{LAST}"'.encode(), headers=bearer)
    await website.post("open-formulieren", content=BODY.encode("utf-16"), headers=bearer)
    await website.post("open-formulieren", json={"values": {LAST: {TEXT: [PERSON]}}}, headers=bearer)
    await website.post(
        "drupal",
        content=f"uuid=1&{EMAIL}={TEXT}&onderwerp={LAST}",
        headers={
            "X-Wegwijzer-Token": city.tokens.drupal,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    form = {"Authorization": f"Bearer {city.tokens.form}"}
    await website.post(
        "form", data={"id": "f1", LAST: TEXT}, files={f"{LAST}.exe": (LAST, BODY)}, headers=form
    )
    await website.post(
        "form", content=BODY, headers=form | {"Content-Type": f"multipart/form-data; boundary={LAST}"}
    )
    for number, broken in enumerate(_broken_mails()):
        head = f"From: {FIRST} {LAST} <{EMAIL}>\r\nSubject: {SUBJECT}\r\nMessage-ID: <{LAST}{number}@x>\r\n"
        mail = (head + broken).encode("utf-8", "surrogateescape")
        await asyncio.to_thread(city.send, EMAIL, ["burgerzaken@leuven.test"], mail)


def _broken_mails() -> Iterator[str]:
    yield f"Content-Type: text/plain; charset={LAST}\r\n\r\n{BODY}"
    yield f"Content-Type: multipart/mixed; boundary=\r\n\r\n--{LAST}\r\n{BODY}"
    yield f"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n{BODY}"
    yield f"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n{BODY}"
    yield f"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n<{BODY}>"
    yield f"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nORGANIZER:{EMAIL}\r\n"
    yield (
        f"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n{BODY}"
        f"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {EMAIL}\r\n--b--"
    )
    yield f"Date: {TEXT}\r\nReply-To: {LAST} <<{EMAIL}\r\nReferences: {TEXT}\r\n\r\n{BODY}"
    depth = 150
    yield (
        "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth))
        + BODY
    )


async def _knock_elsewhere(website: httpx.AsyncClient, city: City) -> None:
    """Requests that are refused, with the person where a log might pick them up."""
    hub = f"http://{city.address}"
    await website.post("form", data={"name": LAST}, headers={"Authorization": f"Bearer {EMAIL}"})
    await website.get(f"{hub}/in/website/{LAST}")
    await website.get(f"{hub}/{LAST}?{TEXT}={EMAIL}")
    await website.get(f"{hub}/search", params={"q": EMAIL})
    await website.get(f"{hub}/receipts/{LAST}")
    page = await website.get(f"{hub}/login", params={"next": f"/search?q={INSZ}"})
    token = re.search(r'name="csrf"\s+value="([^"]+)"', page.text)
    assert token
    await website.post(
        f"{hub}/login",
        data={"name": EMAIL, "password": TEXT, "csrf": token[1], "next": f"/search?q={INSZ}"},
        headers={"Origin": hub},
    )


async def _signed(website: httpx.AsyncClient, city: City, submission: Mapping[object, object]) -> None:
    """Post to our own contract's door; refused or not."""
    id_ = f"n-{next(_NUMBERS)}"
    body, now = json.dumps({"id": id_, "filled_in_seconds": 41, **submission}), datetime.now(UTC)
    await website.post(
        "json",
        content=body.encode(),
        headers={
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(city.tokens.webhook).sign(id_, now, body),
        },
    )


async def _all_came_in(city: City) -> bool | None:
    books = city.books()
    mails, forms = books.by_door.get("mailbox", 0), books.by_door.get("website", 0)
    settled = books.open_effects == 0 or _has_parked(city)
    return (mails >= 2 + 9 and forms >= 10 and settled and books.balance["done"] >= 2) or None


def _has_parked(city: City) -> bool:
    return bool(
        city.look_up(
            lambda connection: connection.exec_driver_sql(
                "SELECT count(*) FROM effects WHERE state = 'parked'"
            ).scalar_one()
        )
    )


def _told_by_the_journal(city: City) -> dict[str, bytes]:
    """Every word about what went wrong, and whatever else lies open on the disk."""
    questions = {
        "reasons": "SELECT reason || ' ' || rule FROM messages UNION ALL SELECT reason || error FROM effects",
        "attempts": "SELECT what || ' ' || error FROM attempts",
        "incidents": "SELECT what FROM incidents UNION ALL SELECT last_error FROM systems",
        "keys": "SELECT key || ' ' || outside_id FROM effects WHERE target <> 'mail' UNION ALL "
        "SELECT key FROM effects",
        "audit": "SELECT actor || action || subject || detail FROM audit",
    }

    def ask(question: str) -> bytes:
        rows = city.look_up(lambda connection: connection.exec_driver_sql(question).scalars().all())
        return "\n".join(map(str, rows)).encode()

    return {name: ask(question) for name, question in questions.items()}


def _plain(seen: bytes) -> str:
    """As a reader sees it: escapes of JSON undone."""
    return re.sub(
        r"\\u([0-9a-f]{4})", lambda one: chr(int(one[1], 16)), seen.decode(errors="replace")
    ).lower()

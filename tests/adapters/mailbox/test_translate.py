"""What mails say: captured ones, odd ones, and ones that want to do harm."""

import base64
import email
import re
import struct
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.mailbox import html
from adapters.mailbox.body import ENCRYPTED, UNCHECKED
from adapters.mailbox.compose import Letterhead, envelope, letter_text
from adapters.mailbox.files import safe_name
from adapters.mailbox.mime import Limits
from adapters.mailbox.reply_text import MARKERS, reply_text
from adapters.mailbox.signs import Own
from adapters.mailbox.translate import Mailroom, translation
from canonical_model.codec import decode_event, encode, event_name
from canonical_model.commands import SendMail
from canonical_model.contact import Automatic, Channel, Language
from canonical_model.events import ContactReceived
from canonical_model.reply_address import signed
from ports.errors import MessageError, NotUnderstoodError
from tests.adapters.mailbox.conftest import SECRET, fixture

KEY = SECRET.encode()
OURS = Own(addresses=frozenset({"meldingen@leuven.test"}), domains=frozenset({"wegwijzer.leuven.test"}))
ROOM = Mailroom(address="openbaardomein@leuven.test", own=OURS, reply_secret=KEY)
HOSTILE_SECONDS = 4.0


def contact_of(raw, room=ROOM):
    event = translation(raw, room).event
    assert isinstance(event, ContactReceived)
    return event.contact


def mail(body="Tekst.", *headers, sender="From: An <an@example.be>", end="\r\n"):
    """A mail with these headers; the body starts with its own content headers when there are any."""
    return end.join([sender, *headers, "", body, ""]).encode("utf-8", "surrogateescape")


# --- captured mails -----------------------------------------------------------------------------------


def test_a_plain_dutch_mail():
    contact = contact_of(fixture("plain-nl.eml"))

    assert contact.channel is Channel.MAIL
    assert contact.subject == "Losliggende stoeptegel in de Tiensestraat"
    assert contact.text.startswith("Beste,\n\nVoor nummer 12 in de Tiensestraat ligt een tegel los.")
    assert contact.text.endswith("0470 00 00 00")
    assert contact.full_text == contact.text
    assert (contact.party.name, contact.party.email) == ("An Peeters", "an.peeters@example.be")
    assert contact.party.kind == "person"
    assert contact.language is Language.NL
    assert contact.addressed_to == "openbaardomein@leuven.test"
    assert contact.occurred_at == datetime(2026, 11, 23, 7, 12, 1, tzinfo=UTC)
    assert contact.thread.message_id == "a1b2c3.20261123@example.be"
    assert contact.thread.in_reply_to == ()
    assert (contact.automatic, contact.suspicions, contact.attachments) == (None, (), ())


@pytest.mark.parametrize(
    ("name", "language", "party", "word"),
    [
        ("plain-fr.eml", Language.FR, "Hélène Dubois", "quel est le prix en €"),
        ("plain-en.eml", Language.EN, "O'Brien, Sean", "moving to Leuven in January"),
        ("plain-de.eml", Language.DE, "Jürgen Müller", "ein Jahr in Löwen"),
    ],
)
def test_other_languages_and_charsets(name, language, party, word):
    contact = contact_of(fixture(name))

    assert contact.language is language
    assert contact.party.name == party
    assert word in contact.text


def test_a_character_that_is_split_over_two_encoded_words_is_whole_again():
    assert contact_of(fixture("plain-de.eml")).subject == "Anmeldung für ein Jahr"


@pytest.mark.parametrize(
    ("name", "written_now"),
    [
        ("reply-gmail-nl.eml", "Het gaat om de hoek met de Diestsestraat, naast de bakker.\n\nGroeten,\nJan"),
        (
            "reply-outlook-nl.eml",
            "Goedemorgen,\n\nDe tegel ligt er nog altijd. Wanneer wordt hij hersteld?\n\nEls",
        ),
        ("reply-apple-nl.eml", "Dank u, het is opgelost.\n\nVerstuurd vanaf mijn iPhone"),
        ("reply-gmail-fr.eml", "Bonjour, c'est dans la rue de la Gare, devant le numéro 5."),
    ],
)
def test_a_reply_is_what_was_written_now_and_the_history_is_kept(name, written_now):
    contact = contact_of(fixture(name))

    assert contact.text == written_now
    assert len(contact.full_text) > len(written_now)
    assert contact.full_text.startswith(written_now.split("\n")[0])


def test_a_reply_to_the_signed_address_belongs_to_its_case():
    for name in ("reply-gmail-nl.eml", "reply-outlook-nl.eml"):
        thread = contact_of(fixture(name)).thread

        assert thread.verified_case == "LEU-2026-000123"
        assert thread.in_reply_to == ("4711.abc@wegwijzer.leuven.test",)


def test_hazard_27_a_reply_without_known_ids_is_recognised_by_the_proof_in_the_quoted_text():
    raw = fixture("reply-apple-nl.eml").replace(
        b"4711.abc@wegwijzer.leuven.test", b"changed@provider.example"
    )

    assert contact_of(raw).thread.verified_case == "LEU-2026-000123"


def test_html_mail_becomes_text_without_anything_that_acts():
    contact = contact_of(fixture("html-only.eml"))

    assert "De vuilnisbak aan het station is overvol." in contact.text
    assert "zwerfvuil" in contact.text
    assert not [bad for bad in ("<", "alert", "tracker", "color") if bad in contact.text]


def test_an_out_of_office_notice_is_automatic():
    assert contact_of(fixture("out-of-office-nl.eml")).automatic is Automatic.AUTO_REPLY


def test_a_newsletter_is_bulk_and_what_the_spam_filter_said_is_passed_on():
    contact = contact_of(fixture("newsletter.eml"))

    assert contact.automatic is Automatic.BULK
    assert contact.suspicions == ("spam_flag",)


def test_hazard_20_auto_submitted_no_is_a_person():
    assert contact_of(fixture("web-form.eml")).automatic is None


def test_who_sends_for_others_names_them_in_reply_to():
    party = contact_of(fixture("web-form.eml")).party

    assert (party.name, party.email) == ("Karel De Smet", "karel@example.be")


# --- loops and machines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner-email=x@y",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: 1",
        "X-Autogenerated: Reply",
        "X-Auto-Response-Suppress: DR, AutoReply",
        "Return-Path: <>",
    ],
)
def test_hazard_19_automatic_answers_are_recognised(header):
    assert contact_of(mail("Dank u.", header)).automatic is Automatic.AUTO_REPLY


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No (really)",
        "X-Auto-Response-Suppress: OOF",
        "X-Autoreply: no",
        "Return-Path: <an@example.be>",
        "Subject: Afwezig: mijn vuilnisbak",
    ],
)
def test_hazard_20_people_are_no_machines(header):
    assert contact_of(mail("Dank u.", header)).automatic is None


@pytest.mark.parametrize(
    "header",
    [
        "X-Loop: meldingen@leuven.test",
        "Message-ID: <123@wegwijzer.leuven.test>",
    ],
)
def test_hazard_19_our_own_mail_is_recognised(header):
    assert contact_of(mail("Dank u.", header)).automatic is Automatic.OWN_MAIL


def test_hazard_19_mail_from_our_own_reply_address_is_ours():
    sender = "From: Stad <meldingen+LEU-2026-000123-0123456789abcdef@leuven.test>"

    assert contact_of(mail(sender=sender)).automatic is Automatic.OWN_MAIL


def test_colleagues_in_the_city_are_people():
    assert contact_of(mail(sender="From: Balie <balie@leuven.test>")).automatic is None


# --- which case ---------------------------------------------------------------------------------------


def test_hazard_25_a_case_in_the_subject_is_claimed_and_proves_nothing():
    contact = contact_of(mail("Hallo", "Subject: vraag over [leu-2026-000123]", "To: meldingen@leuven.test"))

    assert contact.thread.claimed_case == "LEU-2026-000123"
    assert contact.thread.verified_case == ""


def test_hazard_25_a_forged_signature_proves_nothing():
    true = signed("meldingen@leuven.test", "LEU-2026-000123", KEY)
    for address in (
        true.replace("000123", "000124"),
        signed("meldingen@leuven.test", "LEU-2026-000123", b"another key"),
        "meldingen+LEU-2026-000123-0000000000000000@leuven.test",
    ):
        assert contact_of(mail("Hallo", f"To: {address}")).thread.verified_case == ""

    assert contact_of(mail("Hallo", f"To: {true}")).thread.verified_case == "LEU-2026-000123"


@pytest.mark.parametrize("header", ["To", "Cc", "Delivered-To", "X-Original-To"])
def test_the_signed_address_may_stand_in_any_recipient_header(header):
    address = signed("meldingen@leuven.test", "LEU-2026-000123", KEY).upper()
    raw = mail("Hallo", f"{header}: iemand@leuven.test, =?utf-8?q?Stad?= <{address}>")

    assert contact_of(raw).thread.verified_case == "LEU-2026-000123"


def test_hazard_26_a_reply_names_its_case_whatever_became_of_that():
    """Whether the case is closed or merged is for the routes: the mailbox only proves which one is meant."""
    contact = contact_of(fixture("reply-outlook-nl.eml"))

    assert contact.thread.verified_case == "LEU-2026-000123"
    assert contact.thread.claimed_case == "LEU-2026-000123"
    assert contact.text.startswith("Goedemorgen")


def test_references_come_oldest_first_and_the_answered_mail_last():
    raw = mail("x", "References: <a@x> <b@x>\r\n <c@x>", "In-Reply-To: <d@x>")

    assert contact_of(raw).thread.in_reply_to == ("a@x", "b@x", "c@x", "d@x")


# --- what was written now -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(MARKERS))
def test_our_marker_line_ends_the_reply_in_every_language(language):
    text = f"Mijn antwoord.\n\n> --- {MARKERS[language]} --- [LEU-2026-000123-0123456789abcdef]\n> Beste"

    assert reply_text(text) == "Mijn antwoord."


@pytest.mark.parametrize(
    "history",
    [
        "Op ma 23 nov 2026 om 10:00 schreef X <x@y.be>:\n> oud",
        "Op 23 nov 2026, om 10:00 heeft X <x@y.be> het volgende geschreven:\n> oud",
        "On Mon, 23 Nov 2026 at 10:00, X <x@y.be> wrote:\n> old",
        "On Mon, 23 Nov 2026 at 10:00, Somebody With A Long Name <x@y.be>\nwrote:\n> old",
        "Le lun. 23 nov. 2026 à 10:00, X <x@y.be> a écrit :\n> vieux",
        "Am Mo., 23. Nov. 2026 um 10:00 Uhr schrieb X <x@y.be>:\n> alt",
        "-----Oorspronkelijk bericht-----\nVan: X\noud",
        "-----Original Message-----\nold",
        "________________________________\nVan: X\nVerzonden: maandag\nAan: Y\nOnderwerp: Z\n\noud",
        "Van: X\nVerzonden: maandag 23 november 2026\nAan: Y\nOnderwerp: Z\n\noud",
        "De : X\nEnvoyé : lundi\nÀ : Y\nObjet : Z\n\nvieux",
        "Von: X\nGesendet: Montag\nAn: Y\nBetreff: Z\n\nalt",
        "From: X\nSent: Monday\nTo: Y\nSubject: Z\n\nold",
    ],
)
def test_the_history_of_the_usual_mail_programs_is_cut_off(history):
    assert reply_text(f"Mijn antwoord.\n\n{history}") == "Mijn antwoord."


@pytest.mark.parametrize(
    "whole",
    [
        "Op ma 23 nov 2026 om 10:00 schreef X <x@y.be>:\n> Waar is het?\n\nIn de Tiensestraat.",
        "Op ma 23 nov 2026 om 10:00 schreef X:\n> Waar is het?\nTiensestraat.\n> Wanneer?\nGisteren.",
        "Van: X\nVerzonden: maandag\nAan: Y\nOnderwerp: Z\n\nAlleen doorgestuurd.",
        "Op de hoek van de straat ligt afval.\nDe: container is vol.",
        "Van: de buren heb ik last.\nDat wou ik even zeggen.",
        "Het adres is:\n\nTiensestraat 12\n3000 Leuven",
        "- eerste punt\n- tweede punt",
    ],
)
def test_what_was_written_below_or_between_stays_whole(whole):
    assert reply_text(whole) == whole


def test_a_forwarded_mail_keeps_what_was_forwarded():
    body = (
        "Ter info.\r\n\r\nVan: An\r\nVerzonden: maandag\r\nAan: Balie\r\nOnderwerp: Put\r\n\r\nEr is een put."
    )

    contact = contact_of(mail(body, "Subject: Fwd: Put in de weg"))

    assert contact.text.endswith("Er is een put.")


# --- MIME as it really comes --------------------------------------------------------------------------


def test_hazard_15_an_unknown_charset_is_read_all_the_same():
    for charset in ("x-unknown", "unicode_escape", "punycode", "zlib", "utf-16", "", "'"):
        raw = mail("Voilà, één euro", f"Content-Type: text/plain; charset={charset}")

        assert contact_of(raw).text, charset
    assert contact_of(mail("Voilà", "Content-Type: text/plain; charset=x-unknown")).text == "Voilà"


def test_hazard_15_a_broken_boundary_loses_no_text():
    raw = mail(
        "--echt\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHet verhaal van de burger.\r\n--echt--",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="anders"',
    )

    assert contact_of(raw).text == "Het verhaal van de burger."
    assert "verhaal" in contact_of(raw.replace(b"--echt", b"...")).text


def test_hazard_15_a_boundary_that_is_never_closed_loses_no_text():
    raw = mail("--b\r\n\r\nHet verhaal.\r\n", 'Content-Type: multipart/mixed; boundary="b"')

    assert contact_of(raw).text == "Het verhaal."


def test_hazard_15_raw_bytes_in_headers_are_read():
    latin = "From: H\xe9l\xe8ne <h@example.be>\r\nSubject: Caf\xe9\r\n\r\nx\r\n".encode("latin-1")
    utf8 = "From: Hélène <h@example.be>\r\nSubject: Café\r\n\r\nx\r\n".encode()

    for raw in (latin, utf8):
        contact = contact_of(raw)

        assert (contact.subject, contact.party.name) == ("Café", "Hélène")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("<not valid [x]@y>", "not valid [x]@y"),
        ("<unclosed@example.be", "unclosed@example.be"),
        ("bare@example.be", "bare@example.be"),
        ("<folded@\r\n example.be>", "folded@ example.be"),
        ("  <spaces@example.be>  (comment)", "spaces@example.be"),
        ("<>", ""),
        ("geen id", ""),
    ],
)
def test_hazard_15_message_ids_are_read_from_the_raw_header(header, expected):
    assert contact_of(mail("x", f"Message-ID: {header}")).thread.message_id == expected


def test_hazard_15_a_line_break_cannot_hide_in_an_encoded_subject():
    contact = contact_of(mail("x", "Subject: =?utf-8?Q?a=0D=0ABcc:_x@y?= =?utf-8?B?Cgpi?="))

    assert contact.subject == "a Bcc: x@y b"


def test_hazard_15_nul_and_control_characters_are_taken_out():
    contact = contact_of(b"From: a@b.be\nSubject: a\x00b\x1b[31m\n\nx\x00y\x07z\x0c\n")

    assert contact.text == "xyz"
    assert contact.subject == "a b [31m"


def test_hazard_15_an_unclosed_quote_in_from_still_gives_the_address():
    party = contact_of(mail(sender='From: "Jan, Peeters <jan@x.be>')).party

    assert (party.name, party.email) == ("Jan, Peeters", "jan@x.be")


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("From: an@example.be", "", "an@example.be"),
        ("From: an@example.be (An Peeters)", "An Peeters", "an@example.be"),
        ('From: "Peeters, An" <an@example.be>', "Peeters, An", "an@example.be"),
        ("From: =?utf-8?q?An_P=C3=A9?= <an@example.be>", "An Pé", "an@example.be"),
        ("From: =?utf-8?q?An_=3Can=40example=2Ebe=3E?=", "An", "an@example.be"),
        ("From:\r\n An\r\n <an@example.be>", "An", "an@example.be"),
    ],
)
def test_senders_in_all_forms(sender, name, address):
    party = contact_of(mail(sender=sender)).party

    assert (party.name, party.email) == (name, address)


def test_a_mail_without_sender_is_not_understood():
    with pytest.raises(NotUnderstoodError, match="From"):
        translation(mail(sender="Subject: x"), ROOM)


def test_parts_between_pictures_are_one_text():
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nEerst.\r\n"
        "--b\r\nContent-Type: image/png; name=foto.png\r\nContent-Disposition: inline; filename=foto.png\r\n\r\n"
        "\x89PNG\r\n--b\r\nContent-Type: text/plain\r\n\r\nDan.\r\n--b--",
        "Content-Type: multipart/mixed; boundary=b",
    )

    contact = contact_of(raw)

    assert contact.text == "Eerst.\n\nDan."
    assert [attachment.name for attachment in contact.attachments] == ["foto.png"]


def test_an_empty_plain_part_gives_way_to_the_html():
    raw = mail(
        "--b\r\nContent-Type: text/plain\r\n\r\n \r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hallo</p>\r\n--b--",
        "Content-Type: multipart/alternative; boundary=b",
    )

    assert contact_of(raw).text == "Hallo"


def test_hazard_17_deeply_nested_html_keeps_its_words():
    for depth in (254, 255, 2000):
        markup = "<div>" * depth + "hallo daar" + "</div>" * depth

        assert contact_of(mail(markup, "Content-Type: text/html; charset=utf-8")).text == "hallo daar"
    mixed = "<p>boven</p>" + "<div>" * 300 + "<p>onder</p>"
    assert contact_of(mail(mixed, "Content-Type: text/html")).text.split() == ["boven", "onder"]


# --- files --------------------------------------------------------------------------------------------


def with_file(content, name="foto.jpg", kind="image/jpeg"):
    message = EmailMessage()
    message["From"] = "an@example.be"
    message.set_content("Zie bijlage.")
    main, _, sub = kind.partition("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return bytes(message)


def test_an_attachment_is_described_and_its_bytes_come_along():
    content = b"\xff\xd8\xff\xe0 een foto"

    found = translation(with_file(content), ROOM)

    (file,) = found.files
    assert file.content == content
    assert (file.attachment.name, file.attachment.media_type) == ("foto.jpg", "image/jpeg")
    assert file.attachment.size == len(content)
    assert found.event.contact.attachments == (file.attachment,)
    assert found.event.contact.text == "Zie bijlage."


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/cron.d/x", "x"),
        ("C:\\Users\\an\\foto.jpg", "foto.jpg"),
        ("foto\u202egpj.exe", "fotogpj.exe"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("..", ""),
        (".verborgen", "verborgen"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ('<img src="x">.png', "img src=x.png"),
        ("één foto.jpg", "één foto.jpg"),
    ],
)
def test_s14_names_neither_climb_nor_hide(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("content", "claimed", "found"),
    [
        (b"%PDF-1.7", "image/jpeg", "application/pdf"),
        (b"MZ\x90\x00", "image/png", "application/vnd.microsoft.portable-executable"),
        (b"<html><script>alert(1)</script>", "image/png", "text/html"),
        (b"  <?xml version='1.0'?><svg onload='x'>", "image/png", "image/svg+xml"),
        (b"geen plaatje", "image/png", "application/octet-stream"),
        (b"a;b;c", "text/csv", "text/csv"),
        (b"zomaar", "text/x-evil", "text/plain"),
        (
            b"PK\x03\x04...",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (b"PK\x03\x04...", "application/pdf", "application/zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword", "application/msword"),
    ],
)
def test_s14_the_media_type_is_judged_by_the_content(content, claimed, found):
    (file,) = translation(with_file(content, "x", claimed), ROOM).files

    assert file.attachment.media_type == found


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename*=utf-8''%C3%A9%C3%A9n%20foto.jpg",
        'attachment; filename="=?utf-8?B?w6nDqW4gZm90by5qcGc=?="',
        "attachment; filename*0*=utf-8''%C3%A9%C3%A9n; filename*1*=%20foto.jpg",
        'attachment; filename="één foto.jpg"',
    ],
)
def test_names_in_all_encodings(disposition):
    raw = mail("x", "Content-Type: image/jpeg", f"Content-Disposition: {disposition}")

    assert [file.attachment.name for file in translation(raw, ROOM).files] == ["één foto.jpg"]


def test_files_beyond_the_limits_are_left_out_and_named():
    message = EmailMessage()
    message["From"] = "an@example.be"
    message.set_content("Veel foto's.")
    for number in range(4):
        message.add_attachment(
            f"foto {number}".encode() * (1 + number * 100),
            maintype="image",
            subtype="jpeg",
            filename=f"{number}.jpg",
        )
    room = Mailroom(address="a@b", limits=Limits(attachments=2, attachment_size=1500))

    found = translation(bytes(message), room)

    assert [file.attachment.name for file in found.files] == ["0.jpg", "1.jpg"]
    assert found.event.contact.text.startswith("Veel foto's.")
    assert "2.jpg (> 2)" in found.event.contact.text
    assert "3.jpg (1806 bytes > 1500)" in found.event.contact.text


def test_hazard_16_a_mail_in_a_mail_is_kept_and_read():
    raw = mail(
        "--b\r\nContent-Type: message/rfc822\r\n\r\n" + fixture("plain-nl.eml").decode() + "\r\n--b--",
        "Content-Type: multipart/mixed; boundary=b",
    )

    found = translation(raw, ROOM)

    (file,) = found.files
    assert file.attachment.name == "Losliggende stoeptegel in de Tiensestraat.eml"
    assert b"ligt een tegel los" in file.content
    assert "ligt een tegel los" in found.event.contact.text
    assert "ligt een tegel los" in found.event.contact.full_text


def test_hazard_16_an_outlook_message_is_kept_and_read():
    found = translation(fixture("outlook-msg.eml"), ROOM)

    (file,) = found.files
    assert file.attachment.name == "Lawaai op het Martelarenplein.msg"
    assert file.attachment.media_type == "application/vnd.ms-outlook"
    assert found.event.contact.text == "Zie bijlage."
    assert "Kan iemand komen kijken?" in found.event.contact.full_text


def tnef(*objects):
    """A winmail.dat with these (level, attribute, data) objects."""
    packed = b"".join(
        struct.pack("<BII", level, attribute, len(data)) + data + struct.pack("<H", sum(data) % 65536)
        for level, attribute, data in objects
    )
    return struct.pack("<IH", 0x223E9F78, 1) + packed


def with_winmail(data):
    encoded = base64.encodebytes(data).decode()
    return mail(
        encoded,
        'Content-Type: application/ms-tnef; name="winmail.dat"',
        "Content-Transfer-Encoding: base64",
    )


def test_hazard_16_files_and_text_come_out_of_winmail_dat():
    data = tnef(
        (1, 0x00069007, struct.pack("<I", 1252) + b"\0\0\0\0"),
        (1, 0x0002800C, b"De tekst uit Outlook.\x00"),
        (2, 0x00069002, b"\x00" * 14),
        (2, 0x00018010, b"plan.pdf\x00"),
        (2, 0x0006800F, b"%PDF-1.4 plan"),
    )

    found = translation(with_winmail(data), ROOM)

    assert found.event.contact.text == "De tekst uit Outlook."
    assert [(file.attachment.name, file.attachment.media_type) for file in found.files] == [
        ("plan.pdf", "application/pdf")
    ]


def mapi(*properties):
    """MAPI properties (kind, id, value): variable ones with their length, padded."""
    packed = b"".join(
        struct.pack("<HHII", kind, id_, 1, len(value)) + value + b"\x00" * (-len(value) % 4)
        for kind, id_, value in properties
    )
    return struct.pack("<I", len(properties)) + packed


def test_hazard_16_long_names_and_html_come_out_of_winmail_dat():
    named = mapi((0x1F, 0x3707, "één plan.pdf\x00".encode("utf-16-le")), (0x102, 0x3701, b"%PDF-1.4"))
    data = tnef(
        (1, 0x00069003, mapi((0x102, 0x1013, b"<p>Dag <b>allen</b></p>"))),
        (2, 0x00069002, b"\x00" * 14),
        (2, 0x00018010, b"EENPLA~1.PDF\x00"),
        (2, 0x00069005, named),
    )

    found = translation(with_winmail(data), ROOM)

    assert found.event.contact.text == "Dag allen"
    assert [(file.attachment.name, file.content) for file in found.files] == [("één plan.pdf", b"%PDF-1.4")]


def test_hazard_16_what_comes_before_a_damaged_spot_in_winmail_dat_is_kept():
    data = tnef((1, 0x0002800C, b"De tekst.\x00"), (2, 0x00018010, b"a.txt\x00"), (2, 0x0006800F, b"inhoud"))

    found = translation(with_winmail(data + b"\x02\xff\xff rommel"), ROOM)

    assert found.event.contact.text == "De tekst."
    assert [file.content for file in found.files] == [b"inhoud"]


def test_hazard_16_a_winmail_dat_that_cannot_be_read_is_kept_as_it_is():
    found = translation(with_winmail(b"\x78\x9f\x3e\x22 rommel" * 20), ROOM)

    assert [file.attachment.name for file in found.files] == ["winmail.dat"]


@pytest.mark.parametrize("name", ["smime-definite.eml", "smime-chunked.eml"])
def test_hazard_16_an_opaque_signature_hides_nothing(name):
    found = translation(fixture(name), ROOM)

    assert found.event.contact.text == f"Ondertekend verzoek om een attest.\n\n{UNCHECKED}"
    assert [file.attachment.name for file in found.files] == ["attest.pdf"]


def test_hazard_16_an_encrypted_mail_is_passed_on_as_a_file():
    found = translation(fixture("smime-encrypted.eml"), ROOM)

    assert found.event.contact.text == ENCRYPTED
    assert [file.attachment.name for file in found.files] == ["smime.p7m"]


def test_a_detached_signature_is_no_attachment():
    raw = mail(
        "--b\r\n\r\nTekst.\r\n--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nxx\r\n--b--",
        "Content-Type: multipart/signed; boundary=b",
    )

    assert translation(raw, ROOM).files == ()


# --- copies -------------------------------------------------------------------------------------------


def test_copies_have_one_fingerprint_whatever_mail_servers_added():
    raw = fixture("plain-nl.eml")
    copy = b"Return-Path: <>x\nDelivered-To: elders@leuven.test\nX-Spam-Score: 0\n" + raw.replace(
        b"Received: from mail", b"Received: from other"
    )

    assert contact_of(copy).fingerprint == contact_of(raw).fingerprint
    assert contact_of(raw.replace(b"\n", b"\r\n")).fingerprint == contact_of(raw).fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a1b2c3", b"d4e5f6"),
        (b"tegel los", b"dakpan los"),
        (b"Subject: ", b"Subject: Nog een: "),
        (b"From: An Peeters <an", b"From: An <bn"),
    ],
)
def test_other_mails_have_other_fingerprints(old, new):
    raw = fixture("plain-nl.eml")
    assert old in raw

    assert contact_of(raw.replace(old, new)).fingerprint != contact_of(raw).fingerprint


def test_the_message_id_decides_whatever_date_a_retry_or_a_server_wrote():
    raw = fixture("plain-nl.eml")
    for other in (b"Date: Tue, 24 Nov 2026 17:00:00 +0000", b"X-Date: gone"):
        changed = re.sub(rb"(?m)^Date: .*$", other, raw)
        assert changed != raw
        assert contact_of(changed).fingerprint == contact_of(raw).fingerprint


def test_without_a_message_id_the_date_tells_mails_apart():
    first, second = (mail("Dank u", f"Date: Mon, 23 Nov 2026 1{hour}:00:00 +0100") for hour in (0, 1))
    assert contact_of(first).fingerprint != contact_of(second).fingerprint


def test_hazard_8_without_message_id_and_date_the_first_hop_tells_mails_apart():
    one = mail(
        "Dank u",
        "Received: by mx (second hop, differs)",
        "Received: from phone; Mon, 23 Nov 2026 10:00:00 +0100",
    )
    copy = mail("Dank u", "Received: by other mx", "Received: from phone; Mon, 23 Nov 2026 10:00:00 +0100")
    later = mail("Dank u", "Received: by mx", "Received: from phone; Mon, 23 Nov 2026 11:00:00 +0100")

    assert contact_of(copy).fingerprint == contact_of(one).fingerprint
    assert contact_of(later).fingerprint != contact_of(one).fingerprint


# --- mail of ours -------------------------------------------------------------------------------------


LETTERHEAD = Letterhead(
    address="meldingen@leuven.test",
    name="Stad Leuven",
    reply_base="meldingen@leuven.test",
    reply_secret=KEY,
)


def ours(way_out="", **changes):
    given = {"message_id": "1@x", "to": "an@example.be", "subject": "Uw melding", "text": "Beste,", **changes}
    return envelope(SendMail(**given), LETTERHEAD, datetime(2026, 11, 23, 10, tzinfo=UTC), way_out)


def test_what_is_shown_beforehand_is_what_goes_out():
    given = {"message_id": "1@x", "to": "an@example.be", "subject": "s", "text": "Beste,\n\nÉén lijn\n"}
    given |= {"case": "LEU-2026-000123"}
    sent = email.message_from_bytes(ours(**given).content).get_payload(decode=True).decode()

    shown = letter_text(SendMail(**given), LETTERHEAD)

    assert sent.replace("\r\n", "\n") == shown
    assert shown.startswith("--- Gelieve boven deze lijn te antwoorden --- [LEU-2026-000123-")


@pytest.mark.parametrize("language", list(Language))
def test_a_mail_in_place_of_a_notification_offers_the_way_out(language):
    link = f"https://contact.leuven.test/in/notificaties/afmelden/{'t' * 400}"
    made = email.message_from_bytes(ours(link, language=language, case="LEU-2026-000123").content)

    assert made["List-Unsubscribe"].strip() == f"<{link}>"
    assert made["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert made.get_payload(decode=True).decode().rstrip().endswith(link)
    plain = email.message_from_bytes(ours(language=language).content)
    assert plain["List-Unsubscribe"] is None


def test_automatic_mail_says_so_and_asks_for_no_answer_from_machines():
    made = ours(automatic=True)

    assert made.sender == ""
    assert b"Auto-Submitted: auto-replied\r\n" in made.content
    assert b"X-Auto-Response-Suppress: All\r\n" in made.content


def test_an_answer_of_a_person_comes_from_an_address_that_can_bounce():
    made = ours(automatic=False)

    assert made.sender == "meldingen@leuven.test"
    assert b"Auto-Submitted" not in made.content


def test_threads_are_kept():
    made = ours(message_id="4711@x", in_reply_to="vraag@y", references=("begin@y",))

    assert b"Message-ID: <4711@x>\r\n" in made.content
    assert b"In-Reply-To: <vraag@y>\r\n" in made.content
    assert b"References: <begin@y> <vraag@y>\r\n" in made.content
    assert b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n" in made.content


@pytest.mark.parametrize("language", list(MARKERS))
def test_what_we_send_for_a_case_can_be_answered_above_the_line(language):
    made = ours(case="LEU-2026-000123", language=language)
    contact = contact_of(made.content)

    assert MARKERS[language] in contact.full_text.split("\n")[0]
    assert contact.thread.verified_case == "LEU-2026-000123"
    assert f"Reply-To: {signed('meldingen@leuven.test', 'LEU-2026-000123', KEY)}".encode() in made.content


def test_mail_without_a_case_asks_for_no_reply_above_a_line():
    made = ours()

    assert b"Reply-To" not in made.content
    assert MARKERS[Language.NL].encode() not in made.content


@given(text=st.text(max_size=300), subject=st.text(max_size=300), id_=st.text(max_size=80))
@settings(max_examples=200)
def test_s22_nothing_in_a_mail_of_ours_becomes_a_header_of_its_own(text, subject, id_):
    made = ours(
        text=text,
        subject=f"{subject}\r\nBcc: x@y\n\n",
        message_id=id_,
        in_reply_to=f"{id_}\r\nX-A: b",
        references=(id_,),
    )
    head = made.content.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]

    assert set(names) <= {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"X-Wegwijzer-Id", b"X-Loop", b"In-Reply-To"),
        *(b"References", b"Auto-Submitted", b"X-Auto-Response-Suppress", b"MIME-Version", b"Content-Type"),
        b"Content-Transfer-Encoding",
    }
    assert len(names) == len(set(names))
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert max(map(len, made.content.split(b"\r\n"))) <= 998
    assert made.content.isascii()


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=500))
def test_what_we_write_is_what_arrives(text):
    contact = contact_of(ours(text=f"Beste,\n{text}\nGroeten", subject="x").content)

    assert [line.strip() for line in contact.full_text.split("\n")] == [
        line.strip() for line in f"Beste,\n{text}\nGroeten".split("\n")
    ]


# --- harm ---------------------------------------------------------------------------------------------

BOUNDARIES = "".join(
    f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(3000)
)
HOSTILE = {
    "3,000 parts in each other": mail(BOUNDARIES, "Content-Type: multipart/mixed; boundary=b0"),
    "3,000 parts in each other, folded": mail(
        BOUNDARIES.replace("Type: ", "Type:\r\n "), "Content-Type: multipart/mixed; boundary=b0"
    ),
    "1,500 mails in each other": mail(
        "Content-Type: message/rfc822\r\n\r\n" * 1500, "Content-Type: message/rfc822"
    ),
    "100 mails in each other, long": mail(
        "Content-Type: message/rfc822\r\n\r\n" * 98 + "regel\r\n" * 200_000, "Content-Type: message/rfc822"
    ),
    "5,000 parts side by side": mail(
        "--b\r\n\r\nx\r\n" * 5000 + "--b--", "Content-Type: multipart/mixed; boundary=b"
    ),
    "1,000,000 parts side by side": mail("--b\r\n" * 1_000_000, "Content-Type: multipart/mixed; boundary=b"),
    "200,000 headers": mail("x", *(f"X-{n}: y" for n in range(200_000))),
    "200,000 headers in a part": mail(
        "--b\r\n" + "".join(f"X-{n}: y\r\n" for n in range(200_000)) + "\r\nx\r\n--b--",
        "Content-Type: multipart/mixed; boundary=b",
    ),
    "20,000 brackets in From": mail(sender="From: " + "(" * 20_000 + " <an@example.be>"),
    "100,000 angles in From": mail(sender="From: " + "<" * 100_000 + " an@example.be"),
    "a very long word in To": mail("x", "To: " + "a" * 200_000),
    "100,000 at signs": mail("x", "To: " + "a@" * 100_000),
    "100,000 ids": mail("x", "References: " + "<a@b>" * 30_000),
    "100,000 encoded words": mail("x", "Subject: " + "=?utf-8?q?a?= " * 15_000),
    "unfinished encoded words": mail("x", "Subject: " + "=?utf-8?q?" * 20_000),
    "100,000 parameters": mail("x", 'Content-Type: text/plain; a="' + ";" * 100_000),
    "100,000 parameters, folded": mail("x", 'Content-Type: text/plain; a="' + ";\r\n " * 50_000),
    "4,000 parameters a hundred times": mail(
        "".join(f'--b\r\nContent-Type: text/plain; a="{";" * 4000}\r\n\r\nx\r\n' for _ in range(100)),
        "Content-Type: multipart/mixed; boundary=b",
    ),
    "10 MB of < in HTML": mail("<" * 10_000_000, "Content-Type: text/html"),
    "1 MB of tables": mail("<table><tr><td>x" * 70_000, "Content-Type: text/html"),
    "400 kB of rows": mail(
        "<table>" + "<tr><td>x</td></tr>" * 9_000 + "<tr><td>" + "y" * 100_000, "Content-Type: text/html"
    ),
    "lists in each other": mail("<ul><li>x" * 40_000, "Content-Type: text/html"),
    "2 MB on one line": mail("Op " * 700_000),
    "100,000 lines of Op": mail("Op x\r\n" * 100_000),
    "schrieb": mail("Am x schrieb " * 700),
    "On without end": mail(("On " + "x" * 180 + "\r\n") * 5_000),
    "proofs": mail("LEU-2026-000123-0123456789abcdef " * 50_000),
    "30 MB of nothing": b"From: a@b.be\r\n\r\n" + b"\r\n" * 14_000_000,
    "29 MB of text": b"From: a@b.be\r\n\r\n" + (b"woord " * 12 + b"\r\n") * 390_000,
    "31 MB": b"From: a@b.be\r\n\r\n" + b"x" * 31_000_000,
    "tiny TNEF objects": with_winmail(
        struct.pack("<IH", 0x223E9F78, 1) + struct.pack("<BIIH", 1, 0, 0, 0) * 700_000
    ),
    "four billion TNEF properties": with_winmail(
        tnef((1, 0x00069003, struct.pack("<I", 0xFFFFFFFF) + b"\x00" * 64))
    ),
    "four billion TNEF values": with_winmail(
        tnef((1, 0x00069003, struct.pack("<IHHI", 1, 0x1002, 0x3001, 0xFFFFFFFF) + b"\x00" * 64))
    ),
    "an address in every line of a report": mail(
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n" + "Action: failed\r\n\r\n" * 100_000 + "--b--",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
    ),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hazard_14_hostile_mails_are_parked_or_read_and_hold_nothing_up(name):
    began = time.process_time()
    with suppress(MessageError):
        translation(HOSTILE[name], ROOM)

    assert time.process_time() - began < HOSTILE_SECONDS


def test_hazard_14_a_thousand_small_parts_are_read():
    raw = mail(
        "--b\r\nContent-Type: image/gif; name=a.gif\r\n\r\nGIF89a\r\n" * 990 + "--b\r\n\r\nTekst.\r\n--b--",
        "Content-Type: multipart/mixed; boundary=b",
    )

    contact = contact_of(raw)

    assert contact.text == "Tekst."
    assert len(contact.attachments) == 1  # all the same


def test_hazard_14_more_parts_than_allowed_are_parked():
    raw = mail("--b\r\n\r\nx\r\n" * 20 + "--b--", "Content-Type: multipart/mixed; boundary=b")

    with pytest.raises(NotUnderstoodError, match="parts"):
        translation(raw, Mailroom(address="a@b", limits=Limits(parts=10)))


WORDS = st.sampled_from(
    [
        *(
            b"From: a@b.be\r\n",
            b"From: ",
            b"Subject: ",
            b"=?utf-8?q?=C3=A9?=",
            b"=?x?b?!!?=",
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
        ),
        *(
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"--b\r\n",
            b"--b--\r\n",
            b"Content-Type: text/html\r\n",
        ),
        *(
            b"Content-Type: message/rfc822\r\n",
            b"Content-Type: multipart/alternative; boundary=c\r\n",
            b"--c\r\n",
        ),
        *(
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"=E9=\r\n",
        ),
        *(
            b"Content-Transfer-Encoding: x-uuencode\r\n",
            b"begin 644 x\n#0V%T\n`\nend\n",
            b"charset=utf-7; +2AA-",
            b"\xff\x00",
        ),
        *(
            b"Content-Disposition: attachment; filename*0*=utf-8''%E9; filename*2=x\r\n",
            b"filename*=''",
            b"; ",
            b'"',
        ),
        *(
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
            b"Return-Path: <>\r\n",
        ),
        *(
            b"Content-Type: message/delivery-status\r\n",
            b"Action: failed\r\nStatus: 5.1.1\r\n",
            b"Message-ID: <a b>\r\n",
        ),
        *(
            b"Content-Type: application/pkcs7-mime\r\n",
            b"\x30\x80\x06\x09\x2a\x86\x48",
            b"Date: Mon, 99 Foo 2026\r\n",
        ),
        *(
            b"Content-Type: application/ms-tnef\r\n",
            b"\x78\x9f\x3e\x22\x01\x00",
            b"\x02\x10\x80\x01\x00\x05\x00\x00\x00",
        ),
        *(
            b"Content-Type: application/vnd.ms-outlook; name=x.msg\r\n",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"> ",
        ),
        *(
            b"<table><td>",
            b"<!--",
            b"</div>",
            b"&#x110000;",
            b"Op ma schreef X:\n",
            b"Van: x\nAan: y\n",
            b"tekst",
        ),
    ]
)


@given(
    st.one_of(
        st.binary(max_size=2000),
        st.lists(st.one_of(WORDS, st.binary(max_size=20)), max_size=60).map(b"".join),
    )
)
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_bytes_raise_nothing_but_message_errors(raw):
    for candidate in (raw, b"From: a@b.be\r\n" + raw):
        try:
            event = translation(candidate, ROOM).event
        except MessageError:
            continue

        assert decode_event(event_name(event), encode(event)) == event


@given(st.text(max_size=500))
@settings(max_examples=300, deadline=None)
def test_any_html_becomes_text(markup):
    assert isinstance(html.to_text(markup), str)


@given(st.text(alphabet="Op OnLeAmschreef:> \n-VanDe", max_size=400))
@settings(max_examples=300, deadline=None)
def test_a_reply_is_always_part_of_the_whole(text):
    reply = reply_text(text)

    assert bool(reply) == bool(text.strip())
    assert set(reply.split()) <= set(text.split())

"""Files: safe names, true types, no programs."""

import io
import zipfile
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.files import ACCEPTED_TYPES, FileRules, is_executable, media_type, safe_name
from ports.submission.contract import Upload
from ports.submission.errors import SubmissionError
from ports.submission.files import to_files

RULES = FileRules(max_files=3, max_bytes=1000, accepted_types=ACCEPTED_TYPES)
PNG = b"\x89PNG\r\n\x1a\n\0\0"
PDF = b"%PDF-1.7\n"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def zipped(*names, first=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        if first:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("foto.jpg", "foto.jpg"),
        ("../../etc/cron.d/x", "x"),
        ("C:\\fakepath\\foto.jpg", "foto.jpg"),
        ("..\\..\\boom.png", "boom.png"),
        ("factuur\u202egpj.exe", "factuurgpj.exe"),
        ("a\0b\r\nc\x1b[31m.txt", "abc[31m.txt"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("e\u0301te\u0301.pdf", "été.pdf"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("  .  ", "bijlage"),
        ("", "bijlage"),
        ("..", "bijlage"),
        (".htaccess", "htaccess"),
        ("CON.txt", "_CON.txt"),
        ("con", "_con"),
        ("x" * 300 + ".jpeg", "x" * 115 + ".jpeg"),
        ("y" * 300, "y" * 120),
        ("naam   met\tspaties .pdf", "naam metspaties .pdf"),
    ],
)
def test_names_are_made_safe(given_name, shown):
    assert safe_name(given_name) == shown


@given(st.text())
def test_every_name_becomes_a_safe_one(name):
    safe = safe_name(name)

    assert safe
    assert len(safe) <= 121
    assert safe.isprintable()
    assert not set(safe) & set('/\\<>:"|?*')
    assert not safe.startswith(".")
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("content", "type_"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (PNG, "image/png"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic\0\0", "image/heic"),
        (b"\0\0\0\x18ftypmp42\0\0", "video/mp4"),
        (b"II*\0\x08\0", "image/tiff"),
        (PDF, "application/pdf"),
        (b"{\\rtf1 x}", "application/rtf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..", "application/msword"),
        (zipped("[Content_Types].xml", "word/document.xml"), ACCEPTED_TYPES[11]),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), ACCEPTED_TYPES[12]),
        (zipped("[Content_Types].xml", "ppt/slides.xml"), ACCEPTED_TYPES[13]),
        (zipped(first=b"application/vnd.oasis.opendocument.text"), ACCEPTED_TYPES[14]),
        (zipped("een.txt"), "application/zip"),
        ("Beste stad, é".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"a\0b", "application/octet-stream"),
        (b"\xff\xfe\0", "application/octet-stream"),
        (b"\n <!DOCTYPE html><p>", "text/html"),
        (b"<svg onload=alert(1)>", "text/html"),
    ],
)
def test_the_type_is_what_the_bytes_say(content, type_):
    assert media_type(content) == type_


def test_a_letter_that_is_cut_in_the_middle_at_the_end_of_what_is_looked_at_is_still_text():
    assert media_type(b"x" * 8191 + "é".encode()) == "text/plain"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("foto.jpg", b"MZ\x90\0"),
        ("foto.jpg", b"\x7fELF\x02"),
        ("foto.jpg", b"#!/bin/sh\n"),
        ("brief.txt", EICAR),
        ("brief.docx", zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")),
        ("factuur.pdf.exe", PDF),
        ("script.JS", b"alert(1)"),
        ("pagina.html", b"hallo"),
        ("tekening.svg", b"hallo"),
        ("snelkoppeling", b"L\0\0\0\x01\x14\x02\0"),
    ],
)
def test_programs_are_refused_whatever_they_call_themselves(name, content):
    assert is_executable(name, content)
    with pytest.raises(SubmissionError, match="programs") as raised:
        to_files([Upload(name=name, content=content)], RULES)

    assert raised.value.path == "$.attachments[0]"
    assert name not in raised.value.what


def test_a_direction_sign_does_not_hide_a_program():
    with pytest.raises(SubmissionError, match="programs"):
        to_files([Upload(name="factuur\u202efdp.exe", content=PDF)], RULES)


@pytest.mark.parametrize(
    ("uploads", "complaint"),
    [
        ([Upload(name="a", content=PNG)] * 4, "at most 3 files"),
        ([Upload(name="a.png", content=PNG + b"x" * 1000)], "1000 bytes"),
        ([Upload(name="a.zip", content=zipped("een.txt"))], "not accepted"),
    ],
)
def test_too_many_too_large_or_of_no_use(uploads, complaint):
    with pytest.raises(SubmissionError, match=complaint):
        to_files(uploads, RULES)


def test_a_file_carries_the_claim_of_its_content():
    (file,) = to_files([Upload(name="map/plan.pdf", content=PDF)], RULES)

    assert file.attachment.claim == sha256(PDF).hexdigest()
    assert (file.attachment.name, file.attachment.media_type, file.attachment.size) == (
        "plan.pdf",
        "application/pdf",
        len(PDF),
    )
    assert file.content == PDF


def test_the_order_in_which_files_come_does_not_matter_and_copies_count_once():
    one, two, copy = (
        Upload(name="b.png", content=PNG),
        Upload(name="plan.pdf", content=PDF),
        Upload(name="a.png", content=PNG),
    )

    assert to_files([one, two, copy], RULES) == to_files([copy, two, one], RULES)
    assert sorted(file.attachment.name for file in to_files([one, two, copy], RULES)) == ["a.png", "plan.pdf"]

"""Files on the page of a referral: attaching by a plain form, saving, removing, and what is refused without a trace."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect
from psycopg.errors import SerializationFailure

from console.test_console_access import check
from console.test_console_talk import form_key
from desks import Desk, Elsewhere
from rufaa import ids
from rufaa.config import config
from rufaa.console import uploads
from rufaa.db.atomic import Tx
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from rufaa.talk import operations
from rufaa.talk.models import Attachment
from support import World, execute, referral_in, rows, unchanged, value

At = Callable[[Actor], Desk]
Screens = Callable[[Actor], Page]
PDF: Final = b"%PDF-1.7\n of nothing"
JPEG: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF"
MOST: Final = 10 * 1024 * 1024


def file(name: str = "lab.pdf", content: bytes = PDF, kind: str = "application/pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def links(html: str) -> list[str]:
    return re.findall(r'href="(/referrals/\w+/file/\w+/)"', html)


def attached(who: Desk, referral: str, **more: object) -> str:
    """The address of a file that is now there."""
    html = who.does(f"/referrals/{referral}/attach/", **{"file": file(), **more})
    return links(html)[-1]


def saved(answer: HttpResponse) -> bytes:
    assert answer.status_code == 200
    return answer.content


def test_a_doctor_attaches_and_the_other_facility_saves(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    doctor, receiver = desk(world.physician), desk(world.receiver)
    html = doctor.text(f"/referrals/{referral}/")
    assert "No file is here yet." in html
    assert 'enctype="multipart/form-data"' in html

    told = doctor.does(f"/referrals/{referral}/attach/", file=file("CT of the head.pdf"), once=form_key(html, "attach"))
    assert "CT of the head.pdf is there for both facilities." in told
    (link,) = links(receiver.text(f"/referrals/{referral}/"))
    answer = receiver.get(link)

    assert saved(answer) == PDF
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    check(told)


HEADERS: Final = {
    "Content-Type": "application/pdf",
    "Content-Disposition": 'attachment; filename="CT of the head.pdf"',
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ('say "x".pdf', r'attachment; filename="say \"x\".pdf"'),
        ("../../etc/passwd", 'attachment; filename="passwd.pdf"'),
        ("C:\\fakepath\\scan.pdf", 'attachment; filename="scan.pdf"'),
        ("maoni ya daktari ü.pdf", "attachment; filename*=utf-8''maoni%20ya%20daktari%20%C3%BC.pdf"),
        ("x\u202efdp.exe", 'attachment; filename="xfdp.exe.pdf"'),
        ("x.html", 'attachment; filename="x.html.pdf"'),
        ("<script>alert(1)<b>.pdf", 'attachment; filename="<script>alert(1)<b>.pdf"'),
        ("&lt;b&gt;.pdf", 'attachment; filename="<b>.pdf"'),
        ("x" * 400 + ".pdf", f'attachment; filename="{"x" * 116}.pdf"'),
    ],
)
def test_a_name_is_shown_and_does_nothing(world: World, desk: At, name: str, disposition: str) -> None:
    referral, admin = world.referral(), desk(world.admin)
    one = SimpleUploadedFile("x", PDF)
    one._name = name  # type: ignore[attr-defined]
    link = attached(admin, referral, file=one)

    assert admin.get(link).headers["Content-Disposition"] == disposition
    assert "<script>alert" not in admin.text(f"/referrals/{referral}/")
    assert "<b>" not in re.sub(r"<b>\w+</b>", "", admin.text(f"/referrals/{referral}/"))


def test_new_lines_in_a_name_make_no_header(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    body = (
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''a%0d%0aSet-Cookie:%20b.pdf\r\n\r\n"
        + PDF
        + b"\r\n--x--\r\n"
    )
    answer = admin.client.post(f"/referrals/{referral}/attach/", body, content_type="multipart/form-data; boundary=x")
    (link,) = links(admin.text(f"/referrals/{referral}/"))

    assert answer.status_code == 302
    assert admin.get(link).headers["Content-Disposition"] == 'attachment; filename="aSet-Cookie: b.pdf"'


def test_what_the_browser_calls_it_is_not_believed(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    link = attached(admin, referral, file=file("photo.html", JPEG, "text/html"))

    answer = admin.get(link)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="photo.html.jpg"'


def test_sent_twice_it_is_one_file(world: World, desk: At) -> None:
    referral, admin, key = world.referral(), desk(world.admin), ids.new_id().hex
    first = admin.post(f"/referrals/{referral}/attach/", file=file(), once=key)
    with unchanged():
        second = admin.post(f"/referrals/{referral}/attach/", file=file(), once=key)

    assert first.headers["Location"] == second.headers["Location"]
    assert "This file was sent already" in admin.text(f"/referrals/{referral}/")
    assert value("SELECT count(*) FROM attachment") == 1
    with unchanged():
        other = admin.post(f"/referrals/{referral}/attach/", file=file(content=PDF + b" "), once=key)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({}, 422, "Choose a file."),
        ({"file": "not a file"}, 422, "Choose a file."),
        ({"other": SimpleUploadedFile("lab.pdf", PDF)}, 422, "Choose a file."),
        ({"file": SimpleUploadedFile("lab.pdf", b"")}, 422, "The file is empty."),
        (
            {"file": SimpleUploadedFile("lab.pdf", b"<html>", "application/pdf")},
            422,
            "This is no PDF, JPEG or PNG file",
        ),
        ({"file": SimpleUploadedFile("lab.pdf", b"MZ" + bytes(100))}, 422, "This is no PDF, JPEG or PNG file"),
        ({"file": SimpleUploadedFile("lab.pdf", b"%PDF-".ljust(MOST + 1))}, 422, "10 MB are allowed"),
        ({"file": SimpleUploadedFile("lab.pdf", b"%PDF-".ljust(MOST * 2))}, 422, "10 MB are allowed"),
    ],
)
def test_what_is_refused_is_told_at_the_form(
    world: World, desk: At, given: dict[str, object], code: int, words: str
) -> None:
    referral, key = world.referral(), ids.new_id().hex
    for each in given.values():
        if isinstance(each, SimpleUploadedFile):
            each.seek(0)
    with unchanged():
        refused = desk(world.admin).post(f"/referrals/{referral}/attach/", once=key, **given)

    html = refused.content.decode()
    assert refused.status_code == code
    assert words in re.search(r'<small id="attach-file-about">(.*?)</small>', html, re.DOTALL)[1]  # type: ignore[index]
    assert re.search(r'<input id="attach-file"[^>]* aria-invalid="true"', html)
    assert form_key(html, "attach") == key
    check(html)


def test_the_largest_that_is_allowed_comes_back_whole(world: World, desk: At) -> None:
    referral, admin, large = world.referral(), desk(world.admin), b"%PDF-".ljust(MOST)
    link = attached(admin, referral, file=file(content=large))

    assert hashlib.sha256(saved(admin.get(link))).digest() == hashlib.sha256(large).digest()


def test_two_files_of_which_one_is_too_large(world: World, desk: At) -> None:
    """Only a hostile form has two; of such a one nothing is taken, and nothing breaks."""
    referral = world.referral()
    for order in (["file", "other"], ["other", "file"]):
        sent = {name: SimpleUploadedFile("x.pdf", b"%PDF-".ljust(MOST + 1 if name == "other" else 9)) for name in order}
        with unchanged():
            refused = desk(world.admin).post(f"/referrals/{referral}/attach/", **sent)
        assert refused.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename=".."\r\n\r\n%PDF-1.7\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--\r\n',
        b"\x00" * 1000,
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n?\r\n--x--"
        ),
    ],
)
def test_broken_forms_attach_nothing_and_break_nothing(world: World, desk: At, body: bytes) -> None:
    referral = world.referral()
    answer = desk(world.admin).client.post(
        f"/referrals/{referral}/attach/", body, content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code in {302, 400, 422}
    assert value("SELECT count(*) FROM attachment") == (1 if answer.status_code == 302 else 0)


def test_nothing_is_left_on_the_disk(
    world: World, desk: At, tmp_path: Path, settings_of_uploads: Callable[[Path], None]
) -> None:
    settings_of_uploads(tmp_path)
    referral = world.referral()
    for size in (MOST, MOST + 1):
        desk(world.admin).post(f"/referrals/{referral}/attach/", file=file(content=b"%PDF-".ljust(size)))

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def settings_of_uploads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    from django.conf import settings  # noqa: PLC0415

    return lambda folder: monkeypatch.setattr(settings, "FILE_UPLOAD_TEMP_DIR", str(folder))


def test_a_file_that_grows_too_large_never_comes_to_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Django would keep of it, in memory or on the disk, is let go before its end."""
    handed: list[int] = []
    keep = TemporaryFileUploadHandler.receive_data_chunk

    def kept(handler: TemporaryFileUploadHandler, raw: bytes, start: int) -> None:
        handed.append(len(raw))
        keep(handler, raw, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", kept)
    request = RequestFactory().post("/", {"file": file(content=b"%PDF-".ljust(2 * MOST)), "once": "x"})

    assert request.FILES == {}
    assert request.POST["once"] == "x"
    assert uploads.too_large(request)
    assert sum(handed) <= MOST
    other = RequestFactory().post("/", {"file": file()})
    assert not uploads.too_large(other)


def test_a_transaction_that_is_repeated_has_the_whole_file_again(
    world: World, desk: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL may ask for that at any time."""
    times: list[bytes] = []
    attach = operations.attach

    def once_in_vain(tx: Tx, actor: Actor, referral: str, *, name: str, content: bytes) -> Attachment:
        times.append(content)
        if len(times) == 1:
            raise OperationalError from SerializationFailure()
        return attach(tx, actor, referral, name=name, content=content)

    monkeypatch.setattr(operations, "attach", once_in_vain)
    attached(desk(world.admin), world.referral())

    assert times == [PDF, PDF]


def test_where_there_is_no_room_there_is_no_form(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    for number in range(config().attachments):
        assert f"room for {20 - number} more" in admin.text(f"/referrals/{referral}/")
        attached(admin, referral, file=file(f"{number}.pdf"))

    html = admin.text(f"/referrals/{referral}/")
    assert "/attach/" not in html
    assert "As many files as one referral may have are here" in html
    with unchanged():
        assert admin.post(f"/referrals/{referral}/attach/", file=file()).status_code == 409


def test_a_file_is_removed_with_a_reason_and_that_is_seen(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    doctor, receiver = desk(world.physician), desk(world.receiver)
    link = attached(doctor, referral, file=file("John's.pdf"))
    other = attached(doctor, referral, file=file("Jane's.pdf", JPEG))
    assert "Remove the file" not in receiver.text(f"/referrals/{referral}/")

    with unchanged():
        refused = doctor.post(f"/referrals/{referral}/remove/", file=link.split("/")[-2], reason=" ")
    html = refused.content.decode()
    assert refused.status_code == 422
    assert html.count(" open hx-morph-skip") == 1
    assert html.count("aria-invalid") == 1
    check(html)
    told = doctor.does(f"/referrals/{referral}/remove/", file=link.split("/")[-2], reason="John's report <b>")

    assert "The file is removed." in told
    html = receiver.text(f"/referrals/{referral}/")
    assert links(html) == [other]
    assert "A PDF file was removed by Physician" in html
    assert "John&#x27;s report &lt;b&gt;" in html
    assert "John&#x27;s.pdf" not in html
    assert receiver.get(link).status_code == 404
    assert doctor.get(link).status_code == 404


def test_who_sees_the_money_alone_has_no_files(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    link = attached(desk(world.admin), referral, file=file("HIV.pdf"))

    assert "HIV" not in desk(world.finance).text(f"/referrals/{referral}/")
    assert desk(world.finance).get(link).status_code == 403
    assert desk(world.stranger).get(link).status_code == 404
    signed_out = Client().get(link)
    assert (signed_out.status_code, signed_out.headers["Location"]) == (302, f"/sign-in/?next={link}")


def test_without_the_second_step_that_a_facility_wants_nothing_is_handed_out(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    link = attached(admin, referral)
    execute("UPDATE facility SET second_factor_required = true WHERE id = %(id)s", id=world.uhuru.pk)

    answer = admin.get(link)
    assert answer.status_code in {302, 403}
    assert PDF not in answer.content


def test_nothing_of_it_is_on_the_patients_page(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    attached(desk(world.admin), referral, file=file("HIV.pdf"))
    token = value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))

    assert "HIV" not in Client().get(f"/r/{token}").content.decode()


def test_each_saving_is_noted_with_which_file_it_was(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    link = attached(admin, referral, file=file("lab.pdf"))
    for _ in range(2):
        saved(admin.get(link))
    assert admin.get(f"/referrals/{referral}/file/{'0' * 32}/").status_code == 404

    place = f"/referrals/<str:referral>/file/<str:file>/ sha256:{hashlib.sha256(PDF).hexdigest()}"
    found = rows("SELECT actor, channel, place FROM audit WHERE kind = 'attachment.read'")
    assert found == [{"actor": world.admin.user, "channel": "page", "place": place}] * 2
    html = admin.text(f"/referrals/{referral}/audit/")
    assert "<strong>Admin</strong> attached a file: <bdi>lab.pdf</bdi>" in html
    assert html.count("<strong>Admin</strong> opened a file: <bdi>lab.pdf</bdi>") == 2
    assert html.count(f"SHA-256 {hashlib.sha256(PDF).hexdigest()}") >= 3


def test_a_saving_that_cannot_be_noted_hands_out_nothing(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    link = attached(admin, referral)
    execute("ALTER TABLE audit ADD CONSTRAINT broken CHECK (kind <> 'attachment.read') NOT VALID")
    try:
        admin.client.raise_request_exception = False
        answer = admin.get(link)
    finally:
        execute("ALTER TABLE audit DROP CONSTRAINT broken")

    assert answer.status_code == 500
    assert PDF not in answer.content


def test_a_file_is_only_looked_at(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    link = attached(admin, referral)

    with unchanged():
        assert admin.client.post(link).status_code == 405
        assert admin.client.delete(link).status_code == 405
    assert admin.client.head(link).content == b""


@pytest.mark.parametrize("wrong", ["0" * 32, "x", "%00", "a" * 300, "..", "%2e%2e%2f", "<b>", "%F0%9F%98%80"])
def test_ids_of_nothing(world: World, desk: At, wrong: str) -> None:
    referral, admin = world.referral(), desk(world.admin)

    with unchanged():
        assert admin.get(f"/referrals/{referral}/file/{wrong}/").status_code in {404, 403}
        assert admin.get(f"/referrals/{wrong}/file/{'0' * 32}/").status_code == 404
        assert admin.post(f"/referrals/{referral}/remove/", file=wrong, reason="so").status_code == 404


def test_however_many_there_are_the_queries_are_as_many(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)

    def asked(address: str) -> int:
        admin.text(address)
        with CaptureQueriesContext(connection) as captured:
            admin.text(address)
        assert not [each for each in captured if "attachment_content" in each["sql"]]
        return len(captured)

    pages = (f"/referrals/{referral}/", f"/referrals/{referral}/audit/")
    link = attached(admin, referral)
    admin.does(f"/referrals/{referral}/remove/", file=link.split("/")[-2], reason="so")
    one = [asked(page) for page in pages]
    for _ in range(19):
        attached(desk(world.physician), referral)

    assert [asked(page) for page in pages] == one


@pytest.mark.browser
def test_a_file_that_is_attached_here_is_saved_there(
    town: World, screens: Screens, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    referral = elsewhere(lambda: referral_in(town, Status.PAID))
    doctor, receiver = screens(town.physician), screens(town.receiver)
    for screen in (doctor, receiver):
        screen.goto(f"/referrals/{referral}/")
        expect(screen.get_by_text("No file is here yet.")).to_be_visible()
    scan, film = tmp_path / "scan.pdf", tmp_path / "film.pdf"
    scan.write_bytes(b"%PDF-" + bytes(3_000_000))
    film.write_bytes(b"%PDF-".ljust(MOST + 1))

    # one that is too large is told of before it is sent
    doctor.get_by_label("A file to attach").set_input_files(film)
    doctor.get_by_role("button", name="Attach", exact=True).click()
    assert doctor.get_by_label("A file to attach").evaluate("field => field.validationMessage") == (
        "This file is too large: 10 MB are allowed."
    )

    doctor.get_by_label("A file to attach").set_input_files(scan)
    doctor.get_by_role("button", name="Attach", exact=True).click()
    expect(doctor.get_by_text("scan.pdf is there for both facilities.")).to_be_attached()

    # the other facility's open page has it by itself, and it is saved as it was
    with receiver.expect_download() as saving:
        receiver.get_by_role("link", name="scan.pdf").click()
    assert saving.value.suggested_filename == "scan.pdf"
    assert saving.value.path().read_bytes() == scan.read_bytes()

    doctor.get_by_text("Remove").first.click()
    doctor.get_by_label("Why").fill("It is another patient's.")
    doctor.get_by_role("button", name="Remove the file").click()
    expect(receiver.get_by_text("It is another patient's.")).to_be_visible()
    expect(receiver.get_by_role("link", name="scan.pdf")).to_have_count(0)


@pytest.mark.browser
def test_without_javascript_a_file_is_attached_too(
    town: World, screens: Screens, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    referral = elsewhere(town.referral)
    screen = screens(town.admin, java_script_enabled=False)  # type: ignore[call-arg]
    large, scan = tmp_path / "large.pdf", tmp_path / "scan.pdf"
    large.write_bytes(b"%PDF-".ljust(MOST + 1))
    scan.write_bytes(PDF)
    screen.goto(f"/referrals/{referral}/")

    screen.get_by_label("A file to attach").set_input_files(large)
    screen.get_by_role("button", name="Attach", exact=True).click()
    expect(screen.get_by_role("alert")).to_contain_text("10 MB are allowed")
    screen.get_by_label("A file to attach").set_input_files(scan)
    screen.get_by_role("button", name="Attach", exact=True).click()
    expect(screen.get_by_role("link", name="scan.pdf")).to_be_visible()


@pytest.mark.browser
def test_what_is_far_too_large_is_told_as_well(
    town: World, screens: Screens, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """The gateway answers before the browser has sent it all, and the answer is shown."""
    referral = elsewhere(town.referral)
    screen = screens(town.admin, java_script_enabled=False)  # type: ignore[call-arg]
    film = tmp_path / "film.pdf"
    film.write_bytes(b"%PDF-".ljust(4 * MOST))
    screen.goto(f"/referrals/{referral}/")
    screen.get_by_label("A file to attach").set_input_files(film)
    screen.get_by_role("button", name="Attach", exact=True).click()

    expect(screen.get_by_text("This is too large: at most 21 MB can be sent here.")).to_be_visible()
    screen.go_back()
    expect(screen.get_by_role("heading", name="Jane Wafula")).to_be_visible()

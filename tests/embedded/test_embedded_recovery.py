"""After a SIGKILL of the server, of the process that runs it, or of both, nothing is left and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from rufaa.db import _pg_cluster, _pg_home, _pg_processes, embedded, tether
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.errors import RufaaError

WaitUntil = Callable[[Callable[[], bool]], None]
Serving = Callable[[], tuple[subprocess.Popen[str], int, str]]
NobodyIn = Callable[[Path], bool]


def keep(url: str, value: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])


def kept(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


@pytest.fixture
def busy() -> Iterator[Callable[[str], None]]:
    """Keep a backend so busy that it does not notice that its postmaster is gone."""
    threads: list[threading.Thread] = []

    def be_busy(url: str) -> None:
        begun = threading.Event()

        def ask() -> None:
            with psycopg.connect(url) as connection:
                connection.execute("SET client_connection_check_interval = 0")
                begun.set()
                with pytest.raises(psycopg.OperationalError):  # it is killed in the end
                    connection.execute(
                        "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000)"
                    )

        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        assert begun.wait(20)

    yield be_busy
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def title(pid: int) -> bytes:
    """What the process says that it does; nothing if it ended meanwhile, as a server's helpers do at any time."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_running_statement(cluster: Path) -> bool:
    return any(b"SELECT" in title(pid) for pid in _pg_processes.at_work_in(cluster))


def test_a_process_that_has_ended_says_nothing() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert title(ended.pid) == b""


def test_a_killed_postmaster_is_started_again_under_the_same_url(durable: EmbeddedPostgres) -> None:
    durable.start()
    keep(durable.url(), 1)
    url, first = durable.url(), durable.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    tether.wait_until(lambda: not durable.is_alive(), timeout_s=20)
    assert durable.pid is None
    durable.start()

    assert durable.url() == url
    assert durable.pid not in (None, first)
    assert kept(url) == [1]


def test_the_server_ends_when_the_process_that_runs_it_is_killed(
    serving: Serving, data: Path, wait_until: WaitUntil, nobody_in: NobodyIn, durable: EmbeddedPostgres
) -> None:
    runner, _, url = serving()
    keep(url, 2)

    runner.kill()
    runner.wait()

    wait_until(lambda: nobody_in(data / "postgres"))
    durable.start()
    assert kept(durable.url()) == [2]


def test_a_start_right_after_a_kill_waits_for_the_old_server(
    serving: Serving, data: Path, durable: EmbeddedPostgres
) -> None:
    runner, _, url = serving()
    keep(url, 3)
    old_socket_folder = url.split("host=")[1].split("&")[0].replace("%2F", "/")

    runner.kill()
    runner.wait()
    durable.start()  # the old server is told to stop at the same moment

    assert kept(durable.url()) == [3]
    assert not Path(old_socket_folder).exists()


def test_the_next_start_ends_orphans_that_do_not_end_by_themselves(
    serving: Serving,
    data: Path,
    durable: EmbeddedPostgres,
    busy: Callable[[str], None],
    wait_until: WaitUntil,
) -> None:
    runner, postmaster, url = serving()
    keep(url, 4)
    busy(url)
    wait_until(lambda: is_running_statement(data / "postgres"))

    os.kill(postmaster, signal.SIGKILL)
    runner.kill()
    runner.wait()
    wait_until(lambda: postmaster not in _pg_processes.at_work_in(data / "postgres"))
    assert is_running_statement(data / "postgres")
    durable.start()

    assert kept(durable.url()) == [4]
    assert not is_running_statement(data / "postgres")


def test_a_start_that_the_remains_of_the_last_server_refuse_is_repeated(
    durable: EmbeddedPostgres,
    data: Path,
    busy: Callable[[str], None],
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    durable.start()
    keep(durable.url(), 5)
    busy(durable.url())
    wait_until(lambda: is_running_statement(data / "postgres"))
    assert durable.pid is not None
    os.kill(durable.pid, signal.SIGKILL)
    wait_until(lambda: not durable.is_alive() and len(_pg_processes.at_work_in(data / "postgres")) == 1)
    orphans = _pg_processes.at_work_in(data / "postgres")
    assert len(orphans) == 1
    refusals: list[str] = []
    answers = durable._answers

    def then_end_orphans(home: _pg_home.Home, process: subprocess.Popen[bytes]) -> bool:
        answered = answers(home, process)
        if not answered:
            refusals.append(durable.log_file.read_text())
            for pid in orphans & _pg_processes.at_work_in(data / "postgres"):
                os.kill(pid, signal.SIGKILL)
        return answered

    monkeypatch.setattr(durable, "_answers", then_end_orphans, raising=True)
    monkeypatch.setattr(_pg_cluster, "end_leftovers", lambda *_, **__: None)  # as where /proc cannot be looked at

    durable.start()

    assert "pre-existing shared memory block" in refusals[0]
    assert kept(durable.url()) == [5]


def test_a_pid_file_whose_number_went_to_a_stranger_does_not_stop_a_start(
    durable: EmbeddedPostgres, data: Path
) -> None:
    durable.start()
    keep(durable.url(), 6)
    assert durable.pid is not None
    pid_file = (data / "postgres" / "postmaster.pid").read_text()
    durable.stop()
    account = _pg_home.dedicated_account() if os.geteuid() == 0 else None
    stranger = tether.spawn(
        ["sleep", "100"],
        dies_with=signal.SIGKILL,
        env={"PATH": os.environ["PATH"]},
        account=account,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    written = data / "postgres" / "postmaster.pid"
    written.write_text("\n".join([str(stranger.pid), *pid_file.splitlines()[1:]]) + "\n")

    try:
        durable.start()

        assert kept(durable.url()) == [6]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_somebody_else_started_there_is_left_alone(
    durable: EmbeddedPostgres, data: Path, folder: Path, wait_until: WaitUntil
) -> None:
    durable.start()
    durable.stop()
    elsewhere = folder / "s"
    elsewhere.mkdir()
    account = _pg_home.dedicated_account() if os.geteuid() == 0 else None
    if account is not None:
        os.chown(elsewhere, account.uid, account.gid)
    cluster = data / "postgres"
    by_hand = tether.spawn(
        [str(_pg_home.bundled_programs() / "bin" / "postgres"), "-D", str(cluster), "-k", str(elsewhere), "-h", ""],
        dies_with=signal.SIGINT,
        env={"LC_ALL": "C"},
        account=account,
        folder=cluster,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: (found := _pg_processes.read_postmaster(cluster)) is not None and found.status == "ready")

        with pytest.raises(RufaaError, match=f"did not start works in .*: process {by_hand.pid}") as refused:
            durable.start()

        assert refused.value.code == "data-folder-in-use"
        assert refused.value.data == {"pid": by_hand.pid}
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait(20)


def test_a_shell_in_the_cluster_is_no_remains(durable: EmbeddedPostgres, data: Path) -> None:
    durable.start()
    durable.stop()
    shell = subprocess.Popen(["sleep", "100"], cwd=data / "postgres")
    try:
        durable.start()

        assert durable.is_alive()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()


def test_an_interrupted_start_leaves_nothing(
    durable: EmbeddedPostgres, data: Path, nobody_in: NobodyIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: EmbeddedPostgres) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(embedded.EmbeddedPostgres, "_pid_that_answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        durable.start()
    monkeypatch.undo()

    assert nobody_in(data / "postgres")
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as again:
        assert again.is_alive()


def test_a_server_that_is_not_the_one_we_started_is_never_ready(
    durable: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded.EmbeddedPostgres, "_pid_that_answers", lambda _self: os.getpid())
    monkeypatch.setattr(embedded, "_READY_TIMEOUT_S", 0.2)

    with pytest.raises(RufaaError, match="another server answers on its socket") as refused:
        durable.start()

    assert refused.value.code == "database-not-started"
    assert not durable.is_alive()


def test_a_lost_data_folder_is_a_clear_error(durable: EmbeddedPostgres, data: Path) -> None:
    durable.start()
    durable.stop()
    shutil.rmtree(data / "postgres" / "global")

    with pytest.raises(RufaaError, match=r"The end of .*postgres\.log") as refused:
        durable.start()

    assert refused.value.code == "database-not-started"

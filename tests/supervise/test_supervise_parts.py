"""A job's parts: started, watched, started again, stopped in order; their output handed on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from rufaa.cli.passthrough import Sink
from rufaa.cli.supervise import Restarts
from rufaa.db import tether

Start = Callable[..., Any]
IsRunning = Callable[[int], bool]

TWO = """
sys.exit(supervise.run(
    [part("gateway", "print('hello', flush=True); print('oops', file=sys.stderr, flush=True); " + SLEEP),
     part("worker", SLEEP, WHO="me")],
    postgres=None, on_ready=on_ready, restarts=QUICK))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_ends_the_job_and_its_status_is_0(job: Start, running: IsRunning, number: signal.Signals) -> None:
    started = job(TWO)
    started.wait_until_ready()
    started.wait_for(lambda: started.pids("gateway") and started.pids("worker"), otherwise="the parts did not start")

    started.process.send_signal(number)

    status, out, err = started.end()
    assert status == 0
    assert not any(running(pid) for name in ("gateway", "worker") for pid in started.pids(name))
    assert err.count("it was killed") == 0
    assert set(out.splitlines()) <= {"gateway | hello"}


def test_output_is_handed_on_with_the_names_in_a_column(job: Start) -> None:
    started = job("""
code = f"print('one'); print('two', end='', flush=True); print('bad', file=sys.stderr, flush=True); " \\
       f"open({str(FOLDER / 'said')!r}, 'w'); " + SLEEP
sys.exit(supervise.run([part("gateway", code, touched("said")), part("me", SLEEP)], postgres=None, on_ready=on_ready))
""")
    started.wait_until_ready()

    started.process.terminate()

    status, out, err = started.end()
    assert (status, out, err) == (0, "gateway | one\ngateway | two\n", "gateway | bad\n")


def test_a_part_has_our_environment_as_it_is_when_it_starts_and_its_own(job: Start) -> None:
    started = job(
        """
def before():
    os.environ["FOUND_BEFORE"] = "yes"
code = f"print(os.environ['FOUND_BEFORE'], os.environ['OWN'], os.environ.get('RUFAA_DIE_WITH_PARENT'), flush=True);" \\
       f"open({str(FOLDER / 'said')!r}, 'w'); " + SLEEP
sys.exit(supervise.run([part("p", code, touched("said"), OWN="mine")], postgres=None, on_ready=on_ready,
                       before_parts=before))
""",
        RUFAA_DIE_WITH_PARENT="1",
    )
    started.wait_until_ready()

    started.process.terminate()

    assert started.end()[1] == "p | yes mine None\n"


def test_a_part_that_dies_is_started_again(job: Start, running: IsRunning) -> None:
    started = job(TWO)
    started.wait_until_ready()
    for name in ("gateway", "worker"):
        started.wait_for(lambda name=name: len(started.pids(name)) == 1, otherwise=f"the {name} did not start")

    os.kill(started.pids("gateway")[0], signal.SIGKILL)

    started.wait_for(lambda: len(started.pids("gateway")) == 2, otherwise="it was not started again")
    assert running(started.pids("gateway")[1])
    assert len(started.pids("worker")) == 1
    started.process.terminate()
    status, _, err = started.end()
    assert status == 0
    assert "rufaa   | gateway ended with SIGKILL; it is started again in 0.05 s." in err


def test_a_part_that_always_dies_ends_the_job(job: Start, running: IsRunning) -> None:
    started = job("""
code = f'''
while not os.path.exists({str(FOLDER / "ready")!r}): time.sleep(0.01)
print("no use", flush=True); sys.exit(7)
'''
sys.exit(supervise.run([part("gateway", SLEEP), part("worker", code)], postgres=None, on_ready=on_ready,
                       restarts=QUICK))
""")

    status, _, err = started.end()

    assert status == 1
    assert len(started.pids("worker")) == 4  # the first, and three more
    assert "worker ended with status 7, for the 4th time in a row. Its last output:" in err
    assert "rufaa   |   no use\n" in err
    assert not running(started.pids("gateway")[0])


def test_a_part_that_ends_before_it_is_ready_ends_the_job_with_its_last_output(job: Start, running: IsRunning) -> None:
    started = job("""
code = "print('the port is taken', file=sys.stderr); sys.exit(3)"
sys.exit(supervise.run([part("worker", SLEEP), part("gateway", code, lambda: False)], postgres=None,
                       on_ready=on_ready))
""")

    status, _, err = started.end()

    assert status == 1
    assert "rufaa   | gateway ended with status 3 before it was ready. Its last output:\n" in err
    assert "rufaa   |   the port is taken\n" in err
    assert len(started.pids("gateway")) == 1
    assert not (started.folder / "ready").exists()
    assert not any(running(pid) for pid in started.pids("worker"))


def test_a_part_that_is_never_ready_ends_the_job(job: Start) -> None:
    started = job("""
def never():
    raise ConnectionRefusedError
sys.exit(supervise.run([part("gateway", SLEEP, never)], postgres=None, on_ready=on_ready, ready_timeout_s=0.5))
""")

    status, _, err = started.end()

    assert status == 1
    assert "gateway was not ready within 0.5 s. It printed nothing." in err
    assert not (started.folder / "ready").exists()


def test_a_program_that_is_missing_is_named(job: Start) -> None:
    started = job("""
sys.exit(supervise.run([Part(name="gateway", argv=["/nowhere/gateway"])], postgres=None, on_ready=on_ready,
                       restarts=Restarts(first_s=0.01, most=0)))
""")

    status, _, err = started.end()

    assert status == 1
    assert "cannot run /nowhere/gateway: No such file or directory" in err


def test_a_part_that_does_not_stop_is_killed_with_what_it_started(job: Start, running: IsRunning) -> None:
    started = job("""
code = f'''
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import subprocess
child = subprocess.Popen(["sleep", "1000"])
open({str(FOLDER / "child.pid")!r}, "w").write(f"{{child.pid}}\\\\n")
open({str(FOLDER / "deaf")!r}, "w")
signal.pause()
'''
sys.exit(supervise.run([part("gateway", code, touched("deaf"))], postgres=None, on_ready=on_ready,
                       stop_timeout_s=0.3))
""")
    started.wait_until_ready()
    children = started.pids("child")
    assert running(children[0])

    started.process.terminate()

    status, _, err = started.end()
    assert status == 0
    assert "gateway did not stop when told to; it was killed." in err
    assert not running(started.pids("gateway")[0])
    started.wait_for(lambda: not running(children[0]), otherwise="its child was not killed")


def test_a_second_signal_makes_it_quick(job: Start) -> None:
    started = job("""
code = f'''
def told(*_): open({str(FOLDER / "told")!r}, "w")
signal.signal(signal.SIGTERM, told)
open({str(FOLDER / "deaf")!r}, "w")
while True: signal.pause()
'''
sys.exit(supervise.run([part("gateway", code, touched("deaf"))], postgres=None, on_ready=on_ready,
                       stop_timeout_s=1000))
""")
    started.wait_until_ready()
    started.process.terminate()
    started.wait_for((started.folder / "told").exists, otherwise="the part was not told")

    started.process.send_signal(signal.SIGINT)

    assert started.end()[0] == 0


def test_nothing_is_left_when_the_supervisor_is_killed(job: Start, running: IsRunning) -> None:
    started = job(TWO)
    started.wait_until_ready()
    started.wait_for(lambda: started.pids("gateway") and started.pids("worker"), otherwise="the parts did not start")
    pids = [*started.pids("gateway"), *started.pids("worker")]

    started.process.kill()

    started.wait_for(lambda: not any(running(pid) for pid in pids), otherwise="a part outlived its supervisor")


PARENT = """
import os, subprocess, sys
told = {"1": "1", "the parent's number": str(os.getpid())}[sys.argv[1]]
subprocess.call(sys.argv[2:], env={**os.environ, "RUFAA_DIE_WITH_PARENT": told})
"""


@pytest.mark.parametrize("told", ["1", "the parent's number"])
def test_the_job_ends_when_its_parent_is_killed_if_told_so(job: Start, running: IsRunning, told: str) -> None:
    started = job(
        "(FOLDER / 'job.pid').write_text(f'{os.getpid()}\\n')" + TWO, before=(sys.executable, "-c", PARENT, told)
    )
    started.wait_until_ready()
    started.wait_for(lambda: started.pids("gateway") and started.pids("worker"), otherwise="the parts did not start")
    pids = [pid for name in ("job", "gateway", "worker") for pid in started.pids(name)]

    started.process.kill()

    started.wait_for(lambda: not any(running(pid) for pid in pids), otherwise="the job outlived its parent")


def test_a_parent_that_is_gone_already_ends_the_job_before_it_begins(job: Start) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()

    started = job(TWO, RUFAA_DIE_WITH_PARENT=str(gone.pid))

    assert started.end()[0] == 0
    assert started.pids("gateway") == []


def test_nohup_is_heeded(job: Start) -> None:
    started = job(TWO, before=("nohup",))
    started.wait_until_ready()

    started.wait_for(lambda: started.pids("gateway"), otherwise="it did not start")

    started.process.send_signal(signal.SIGHUP)

    os.kill(started.pids("gateway")[0], signal.SIGKILL)  # seen after the signal
    started.wait_for(lambda: len(started.pids("gateway")) == 2, otherwise="SIGHUP ended the job")
    started.process.terminate()
    assert started.end()[0] == 0


def test_an_early_part_is_there_before_all_else_and_is_told_to_go_on_after_it(job: Start) -> None:
    started = job("""
import dataclasses, time
code = f"open({str(FOLDER / 'there')!r}, 'w'); sys.stdin.read(); " \\
       f"print('on', os.path.exists({str(FOLDER / 'made')!r}), flush=True); open({str(FOLDER / 'on')!r}, 'w'); " + SLEEP
def before():
    while not (FOLDER / "there").exists():
        time.sleep(0.01)
    (FOLDER / "made").touch()
early = dataclasses.replace(part("gateway", code, touched("on")), early=True)
sys.exit(supervise.run([early], postgres=None, on_ready=on_ready, before_parts=before, restarts=QUICK))
""")
    started.wait_until_ready()
    (started.folder / "on").unlink()

    os.kill(started.pids("gateway")[0], signal.SIGKILL)

    started.wait_for((started.folder / "on").exists, otherwise="the second one waits for ever")
    started.process.terminate()
    assert started.end()[:2] == (0, "gateway | on True\ngateway | on True\n")


def test_what_before_parts_refuses_ends_the_job_with_its_message(job: Start) -> None:
    started = job("""
from rufaa.errors import RufaaError
def before():
    raise RufaaError("The database is of another planet.")
sys.exit(supervise.run([part("gateway", SLEEP)], postgres=None, on_ready=on_ready, before_parts=before))
""")

    status, out, err = started.end()

    assert (status, out, err) == (1, "", "rufaa   | The database is of another planet.\n")
    assert started.pids("gateway") == []


def test_a_signal_interrupts_before_parts(job: Start) -> None:
    started = job("""
import time
def before():
    (FOLDER / "before").touch()
    try:
        time.sleep(1000)
    except Exception:
        pass
sys.exit(supervise.run([part("gateway", SLEEP)], postgres=None, on_ready=on_ready, before_parts=before))
""")
    started.wait_for((started.folder / "before").exists, otherwise="it did not begin")

    started.process.terminate()

    assert started.end() == (0, "", "")
    assert started.pids("gateway") == []


LOUD = """
code = f'''
line = "x" * 999
for number in range(20000): print(line)
sys.stdout.flush()
open({str(FOLDER / "done")!r}, "w")
signal.pause()
'''
def say():
    on_ready()
    if os.environ.get("SAY"):
        print("it is ready", flush=True)
sys.exit(supervise.run([part("gateway", code, touched("done"))], postgres=None, on_ready=say))
"""


def test_a_reader_that_does_not_read_makes_no_part_wait_and_no_stop_hang(job: Start) -> None:
    reading, writing = os.pipe()
    try:
        started = job(LOUD, stdout=writing)
        started.wait_until_ready()  # 20 MB were printed, and nobody read them

        started.process.terminate()

        assert started.end()[0] == 0
    finally:
        os.close(writing)
        os.close(reading)


def test_a_reader_that_is_gone_ends_neither_the_job_nor_its_parts(job: Start, running: IsRunning) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    started = job(LOUD, stdout=writing, SAY="1")
    os.close(writing)
    started.wait_until_ready()
    assert running(started.pids("gateway")[0])

    started.process.terminate()

    status, _, err = started.end()
    assert (status, err) == (0, "")


def test_lines_that_were_left_out_are_counted() -> None:
    reading, writing = os.pipe()
    sink = Sink(writing)
    for _ in range(3000):
        sink.offer(b"y" * 999 + b"\n")
    assert not sink.flush(timeout_s=0.01)

    received = bytearray()
    os.set_blocking(reading, False)

    def read_on() -> bool:
        with suppress(BlockingIOError):
            received.extend(os.read(reading, 1 << 20))
        return sink.flush(timeout_s=0)

    assert tether.wait_until(read_on, timeout_s=20)
    sink.offer(b"last\n")
    assert tether.wait_until(lambda: read_on() and received.endswith(b"last\n"), timeout_s=20)
    os.close(writing)
    os.close(reading)

    lines = received.splitlines()
    assert lines[-1] == b"last"
    whole = lines.count(b"y" * 999)
    told = re.findall(rb"^\((\d+) lines left out: the reader was too slow\)$", received, re.MULTILINE)
    assert told  # once, or twice where the writer came late and made room in between
    assert whole + sum(map(int, told)) == 3000
    assert len(lines) == whole + len(told) + 1


@pytest.mark.parametrize(
    ("deaths", "delay_s"),
    [(0, 0.0), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 16.0), (6, 30.0), (10, 30.0), (11, None)],
)
def test_the_wait_doubles_up_to_half_a_minute_and_the_eleventh_death_is_the_last(
    deaths: int, delay_s: float | None
) -> None:
    assert Restarts().delay_s(deaths) == delay_s


def test_a_minute_of_health_starts_the_count_anew() -> None:
    assert Restarts().deaths(5, lived_s=59.9) == 6
    assert Restarts().deaths(5, lived_s=60.0) == 1

"""The gateway dies around the commit of a mutation; the real npm client asks again, and it is done once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashes.conftest import Roles
from demo_process import ROOT, need_program
from live.clients import HERE, Client, running
from npm_project import installed
from rufaa.db.failpoints import Step
from support import make_world, value


@pytest.fixture
def client(roles: Roles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    project: Path = installed(ROOT / "examples" / "seed", into=tmp_path_factory.mktemp("live") / "npm")
    shutil.copy(HERE / "client.mjs", project)
    with running([need_program("node"), "client.mjs"], cwd=project, url=roles.url) as started:
        yield started


@pytest.mark.parametrize("point", [Step.FUNCTION_COMMIT.before, Step.FUNCTION_COMMIT.after])
def test_a_mutation_is_done_once_though_its_gateway_died(roles: Roles, client: Client, point: str) -> None:
    world = make_world()
    victim = roles.start("gateway", RUFAA_DIE_AT=point)
    creating = client.start(
        "referrals:createReferral",
        patientName="Jane Wafula",
        receivingFacility=world.tumaini.name,
        priority="Routine",
        medicalHistory="none",
        labResults="none",
        diagnosis="fracture",
        demoUserId="physician",
    )
    victim.process.wait(30)
    done_before = value("SELECT count(*) FROM referral")

    roles.start("gateway")
    created = creating.value()

    assert done_before == (1 if point == Step.FUNCTION_COMMIT.after else 0)
    assert value("SELECT count(*) FROM referral") == 1
    assert value("SELECT id::text FROM referral").replace("-", "") == created
    shown = client.watch("referrals:getReferral", referralId=created, demoUserId="admin")
    assert shown.until(lambda each: each is not None)["patientName"] == "Jane Wafula"

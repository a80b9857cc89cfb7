"""``make demo CHAOS=…``: it says so wherever somebody looks, and a forger is not believed."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from demo_process import RINGS, folder, start_by_make, stop
from rufaa.simulator.chaos import Swarm
from rufaa.simulator.config import Chaos
from support import post, wait_until


def read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_a_demo_with_chaos_says_so_and_believes_no_forger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOS", "7")
    with folder() as parent:
        demo = start_by_make(parent / "data")
        try:
            demo.wait_until_ready()
            kinds = [str(kind) for kind in Swarm(Chaos(7)).shares]
            told = " ".join(demo.output().split())
            assert f"chaos is on seed 7; things go wrong by chance, no money is invented: {', '.join(kinds)}" in told
            assert read(f"{demo.handset}/control/chaos")["chaos"]["kinds"] == kinds

            urllib.request.urlopen(
                urllib.request.Request(f"{demo.handset}/control/chaos", method="DELETE"), timeout=20
            ).close()
            fault = {"kind": "callback-forged", "forgery": "invented-receipt"}
            assert post(f"{demo.handset}/control/faults", fault).status == 200
            referral = demo.waiting()
            demo.push(referral, RINGS)

            doubted = "it is believed only after a query"
            wait_until(lambda: doubted in demo.rufaa("explain", referral).stdout, what="the doubt about the forgery")
            assert demo.referral(referral)["status"] == "pending-payment"
        finally:
            stop(demo)

"""Who may look at ``/metrics``, and that what is shown is described."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from observability.scraping import TOKEN, get
from rufaa import functions, metrics
from rufaa.config import load
from rufaa.errors import InvalidSetting
from rufaa.ingest.address import Kind
from rufaa.payments.machine import LIVE, ArrivalVerdict, PromptState, Verdict
from support import Running, World, running_gateway


def test_without_the_setting_there_is_nothing_for_anybody(database: str) -> None:
    with running_gateway(database) as gateway:
        answers = [get(f"{gateway.url}/metrics", Authorization=given) for given in ("", "Bearer ", f"Bearer {TOKEN}")]
        nowhere = get(f"{gateway.url}/nowhere-at-all")

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert {plain(answer.body) for answer in answers} == {plain(nowhere.body)}


def plain(page: bytes) -> bytes:
    """Without the address that a form leads back to, and its token."""
    return re.sub(rb' value="[^"]*"', b"", page)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        f"Digest {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN} x",
    ],
)
def test_who_does_not_present_the_token_sees_nothing(watched: Running, given: str) -> None:
    answer = get(f"{watched.url}/metrics", Authorization=given)

    assert answer.status == 401
    assert b"rufaa_" not in answer.body


def test_who_presents_the_token_sees_the_metrics(watched: Running) -> None:
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        answer = get(f"{watched.url}/metrics", Authorization=given)
        assert answer.status == 200
        assert b"rufaa_database_up 1.0" in answer.body
        assert b"process_cpu_seconds_total" in answer.body


@pytest.mark.parametrize("token", ["short", "x" * 15, "with a space in the middle", "ünsichtbares-zeichen-x"])
def test_a_token_that_is_no_secret_is_refused(token: str) -> None:
    with pytest.raises(InvalidSetting, match="RUFAA_METRICS_TOKEN: use at least 16 characters") as refused:
        load({"RUFAA_METRICS_TOKEN": token})

    assert token not in refused.value.message
    assert load({"RUFAA_METRICS_TOKEN": "x" * 16}).metrics_token == "x" * 16
    assert load({"RUFAA_METRICS_TOKEN": ""}).metrics_token is None


def test_every_word_of_the_machines_has_its_series() -> None:
    of_ingest = {"unknown-prompt", "unknown-account", "malformed", "failed", "validation", "other"}
    of_orders = {"refunded", "not-refunded", "reversed-before", "other-order", "unknown-order", "timed-out"}
    assert {*Verdict, *ArrivalVerdict} | of_ingest | of_orders == set(metrics.VERDICTS)
    assert tuple(Kind) == metrics.REPORTS
    assert set(metrics.DESCRIBED["rufaa_prompts"].labels["state"]) == {*LIVE, PromptState.REVIEW}


def test_every_sample_is_described_and_no_label_has_another_value_than_it_may(watched: Running, world: World) -> None:
    counted = metrics.CALLS.collect()
    before = {sample.labels["function"] for family in counted for sample in family.samples}
    watched.call("query", "referrals:getReferral", {"referralId": world.referral()}, by=world.physician)
    watched.call("query", "no:thing", {}, by=world.physician)
    # and what tests of the protocol alone counted before, in this process
    registered = {function.name for function in functions.load().functions()} | before

    text = get(f"{watched.url}/metrics", Authorization=f"Bearer {TOKEN}").body.decode()

    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.startswith("rufaa_"):
                assert sample.name.startswith(("process_", "python_")), sample.name
                continue
            name = sample.name
            for ending in ("_bucket", "_count", "_sum"):
                name = name if name in metrics.DESCRIBED else name.removesuffix(ending)
            told = metrics.DESCRIBED[name]
            labels = {label: value for label, value in sample.labels.items() if label != "le"}
            assert labels.keys() == told.labels.keys()
            for label, value in labels.items():
                assert value in told.labels[label] or (label == "function" and value in registered), (name, label)
        assert family.documentation

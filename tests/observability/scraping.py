"""A look at ``/metrics``, and what it shows by name."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from support import Answer, wait_until

TOKEN = "a-metrics-token-that-is-long-enough"


def get(url: str, **headers: str) -> Answer:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def scrape(url: str) -> dict[str, float]:
    """``name{label="value"}`` of every sample → its value."""
    answer = get(f"{url}/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    return samples(answer.body.decode())


def figures_of(url: str) -> dict[str, float]:
    """A scrape in which the database answered in time, as it may not on a busy machine."""
    found: dict[str, float] = {}

    def is_answered() -> bool:
        found.update(scrape(url))
        return found["rufaa_database_up"] == 1

    wait_until(is_answered, what="the database's figures")
    return found


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{_shown(sample.labels)}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _shown(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{name}={value}" for name, value in sorted(labels.items())) + "}" if labels else ""


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What the counters of ours gained."""
    counted = (name for name in after if re.match(r"rufaa_\w+(_total|_count)\b", name))
    return {name: after[name] - before.get(name, 0) for name in counted if after[name] != before.get(name, 0)}

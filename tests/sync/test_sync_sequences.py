"""Any order of anything: versions always chain, every request is answered and resolved, and in the end all is true."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rufaa.sync.calls import Outcome, Success
from rufaa.sync.effects import Limits
from sync.talk import Talk, failed

STEPS = ("add", "remove", "mutate", "fail", "fault", "act", "sign-in", "sign-out", "commit", "wait", "restless")
DRIVER = ("learn", "begin", "finish", "act-now", "mark", "catch-up", "send", "send", "send")


class Model:
    """One number that mutations raise; each query shows it with the caller's name."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str, args: Any, identity: object) -> Outcome:
        if name == "a:get":
            return Success(json.dumps([self.count // args[0]["by"], identity], separators=(",", ":")))
        if name == "a:inc":
            self.count += 1
            return Success(f"{self.count}.0")
        return failed("no")


class Story:
    """A connection, its client, and everything that was asked on it."""

    def __init__(self, *, chunked: bool) -> None:
        self.model = Model()
        self.talk = Talk(self.model, Limits(chunk=400, transition=900), chunked=chunked)
        self.query_set = self.identities = self.requests = self.queries = 0
        self.alive: list[int] = []
        self.mutations: list[int] = []
        self.runnable: list[int] = []
        self.talk.connect()

    def step(self, what: str) -> None:
        match what:
            case "add":
                self._modify({"type": "Add", "queryId": self.queries, "udfPath": "a:get", "args": [self._args()]})
                self.alive.append(self.queries)
                self.queries += 1
            case "remove" if self.alive:
                self._modify({"type": "Remove", "queryId": self.alive.pop(0)})
            case "mutate":
                self._ask("Mutation", "a:inc")
            case "fail":
                self._ask("Mutation", "a:no")
            case "fault":
                self._ask("Mutation", "../x")
            case "act":
                self._ask("Action", "a:inc")
            case "sign-in":
                token = f"person{self.identities % 2}"
                self.talk.say(type="Authenticate", baseVersion=self.identities, tokenType="User", value=token)
                self.identities += 1
            case "sign-out":
                self.talk.say(type="Authenticate", baseVersion=self.identities, tokenType="None")
                self.identities += 1
            case "commit":
                self.model.count += 1
            case "wait":
                self.talk.now_s += 0.7
            case "restless":
                self.talk.now_s += 6

    def drive(self, what: str) -> None:
        match what:
            case "learn":
                for query in list(self.talk.watching)[::2]:
                    self.talk.learn(query)
            case "begin":
                self.talk.begin()
            case "finish":
                self.talk.finish()
            case "act-now":
                self.talk.act()
            case "mark":
                self.talk.mark()
            case "catch-up":
                self.talk.catch_up()
            case "send":
                self.talk.send()

    def _args(self) -> dict[str, int]:
        return {"by": self.queries % 3 + 1}

    def _modify(self, *modifications: dict[str, Any]) -> None:
        self.talk.modify(self.query_set, *modifications)
        self.query_set += 1

    def _ask(self, kind: str, name: str) -> None:
        self.talk.say(type=kind, requestId=self.requests, udfPath=name, args=[{}])
        if kind == "Mutation":
            self.mutations.append(self.requests)
            if name != "../x":
                self.runnable.append(self.requests)
        self.requests += 1


@given(
    st.lists(st.one_of(st.sampled_from(STEPS), st.sampled_from(DRIVER)), max_size=80),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_nothing_is_lost_or_told_twice_in_any_order(steps: list[str], chunked: bool) -> None:
    story = Story(chunked=chunked)

    for step in steps:
        (story.drive if step in DRIVER else story.step)(step)
    story.talk.settle()
    story.step("add")
    story.talk.settle()

    talk, client = story.talk, story.talk.client
    assert talk.connection.end is None
    assert (client.version["querySet"], client.version["identity"]) == (story.query_set, story.identities)
    assert client.answered.keys() == set(range(story.requests))
    assert client.resolved == set(range(story.requests))
    assert talk.begun == story.runnable
    assert [each for each in client.order if each in story.mutations] == story.mutations
    assert client.shown.keys() == set(story.alive)
    for query, asked in talk.watching.items():
        fresh = story.model(asked.name, asked.args, asked.identity)
        assert isinstance(fresh, Success)
        assert client.shown[query] == ("value", json.dumps(json.loads(fresh.text)))
    assert talk.connection.held == 0
    assert talk.connection.look_again_s() is None


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(STEPS), st.sampled_from(DRIVER)), max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_frame_of_nonsense_ends_it_and_breaks_nothing(steps: list[str]) -> None:
    story = Story(chunked=False)
    for step in steps:
        if step in DRIVER:
            story.drive(step)
        elif step in STEPS:
            story.step(step)
        else:
            story.talk.say_text(step)
    story.talk.settle()

    nonsense = any(step not in DRIVER and step not in STEPS for step in steps)
    assert (story.talk.connection.end is not None) == nonsense
    if nonsense:
        assert story.talk.client.heard[-1]["type"] == "FatalError"

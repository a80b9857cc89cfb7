"""What a connection says and when: versions, order, waiting, authentication, limits. No socket anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rufaa.sync import timestamps
from rufaa.sync.calls import ApplicationFailure, Failure, Outcome, Success
from rufaa.sync.effects import End, Limits
from sync.talk import OWN, SESSION, START_NS, Talk, failed

COUNT = {"udfPath": "counter:get", "args": [{}]}
INC = {"udfPath": "counter:inc", "args": [{}]}


class Counter:
    """Two functions of one number; what a query answers names its caller."""

    def __init__(self) -> None:
        self.count = 0
        self.callers: list[object] = []

    def __call__(self, name: str, _args: Any, identity: object) -> Outcome:
        self.callers.append(identity)
        match name:
            case "counter:get":
                return Success(f"{self.count}.0")
            case "auth:whoami":
                return Success("null" if identity is None else f'"{identity}"')
            case "counter:inc":
                self.count += 1
                return Success(f"{self.count}.0")
            case "counter:big":
                return Success(f'"{"x" * 500}"')
            case "counter:refuse":
                return ApplicationFailure("[Request ID: 0] Server Error", {"code": "no"})
            case _:
                return failed(f"Could not find public function for '{name}'.")


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def talk(counter: Counter) -> Talk:
    return Talk(counter)


def add(query: int, **called: Any) -> dict[str, Any]:
    return {"type": "Add", "queryId": query, **(called or COUNT)}


def opened(talk: Talk, *queries: dict[str, Any]) -> Talk:
    talk.connect()
    talk.modify(0, *queries)
    talk.settle()
    return talk


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in messages]


# --- the opening ------------------------------------------------------------------------------------------------------


def test_the_first_transition_holds_every_query_of_the_burst_and_the_identity(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    assert talk.send() is None
    talk.modify(0, add(0), add(1, udfPath="auth:whoami", args=[{}]))
    talk.learn(0)
    assert talk.send() is None, "a query has no answer yet"
    talk.learn(1)

    first = talk.send()

    assert first is not None
    assert (first["endVersion"]["querySet"], first["endVersion"]["identity"]) == (1, 1)
    assert [each["queryId"] for each in first["modifications"]] == [0, 1]
    assert first["modifications"][1]["value"] == "jane"
    assert talk.send() is None


def test_who_signs_in_and_watches_nothing_is_confirmed_soon(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    assert talk.send() is None, "its queries may be on their way"
    assert talk.connection.look_again_s() == talk.limits.opening_s
    talk.now_s = talk.limits.opening_s

    sent = talk.send()

    assert sent is not None
    assert (sent["endVersion"]["querySet"], sent["endVersion"]["identity"]) == (0, 1)


def test_signing_in_again_puts_the_confirmation_off_no_further(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    talk.now_s = talk.limits.opening_s - 0.01
    talk.say(type="Authenticate", baseVersion=1, tokenType="User", value="jane")
    assert talk.connection.look_again_s() == talk.limits.opening_s


def test_an_empty_query_set_moves_the_version_on(talk: Talk) -> None:
    talk.connect()
    talk.modify(0)

    sent = talk.settle()

    assert types(sent) == ["Transition"]
    assert sent[0]["endVersion"]["querySet"] == 1


def test_a_mutation_without_any_query_set_is_answered_and_followed(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Mutation", requestId=0, **INC)

    assert types(talk.settle()) == ["MutationResponse", "Transition"]
    assert talk.client.resolved == {0}


def test_a_query_that_has_no_answer_for_long_is_not_waited_for(talk: Talk) -> None:
    talk.connect()
    talk.modify(0, add(0), add(1))
    talk.learn(0)
    talk.now_s = talk.limits.patience_s - 0.01
    assert talk.send() is None
    assert talk.connection.look_again_s() == talk.limits.patience_s
    talk.now_s = talk.limits.patience_s

    first = talk.send()

    assert first is not None
    assert [each["queryId"] for each in first["modifications"]] == [0]
    talk.learn(1)
    second = talk.send()
    assert second is not None
    assert [each["queryId"] for each in second["modifications"]] == [1]


def test_timestamps_go_on_from_what_the_client_has_seen(talk: Talk) -> None:
    seen = START_NS + 10**15
    talk.connect(maxObservedTimestamp=timestamps.encode(seen))
    talk.modify(0)

    (first,) = talk.settle()

    assert timestamps.decode(first["endVersion"]["ts"]) == seen


def test_the_clocks_of_both_are_compared_at_connect(talk: Talk) -> None:
    talk.connect(clientTs=1300)
    talk.modify(0)
    (first,) = talk.settle()
    assert (first["clientClockSkew"], first["serverTs"]) == (300, START_NS)


def test_a_clock_that_is_nonsense_is_compared_with_nothing(talk: Talk) -> None:
    talk.connect(clientTs=10**19)
    talk.modify(0)
    (first,) = talk.settle()
    assert "clientClockSkew" not in first


# --- what changes -----------------------------------------------------------------------------------------------------


def test_nothing_is_sent_where_nothing_changed(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0), add(1, udfPath="no:such", args=[{}]))

    assert talk.settle() == []  # though each failure has a request id of its own
    counter.count = 5
    (sent,) = talk.settle()
    assert sent["modifications"] == [
        {"type": "QueryUpdated", "queryId": 0, "value": 5.0, "logLines": [], "journal": None}
    ]


def test_what_is_written_is_never_ahead_of_a_client_that_does_not_read(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0))
    for count in range(1, 50):
        counter.count = count
        talk.learn(0)

    sent = talk.settle()

    assert types(sent) == ["Transition"]
    assert talk.client.shown[0] == ("value", "49.0")


def test_what_one_commit_changed_is_held_until_all_of_it_is_there(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0), add(1))
    counter.count = 1
    talk.learn(0)
    talk.connection.unsettled = True
    assert talk.send() is None
    talk.learn(1)
    talk.connection.unsettled = False

    sent = talk.send()

    assert sent is not None
    assert [each["queryId"] for each in sent["modifications"]] == [0, 1]


def test_a_removed_query_is_told_removed_with_its_version(talk: Talk) -> None:
    opened(talk, add(0), add(1))
    talk.modify(1, {"type": "Remove", "queryId": 0})
    assert list(talk.watching) == [1]

    (sent,) = talk.settle()

    assert sent["endVersion"]["querySet"] == 2
    assert sent["modifications"] == [{"type": "QueryRemoved", "queryId": 0}]


def test_a_removal_is_told_once(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0), add(1))
    talk.modify(1, {"type": "Remove", "queryId": 0})
    talk.settle()
    counter.count = 1
    (sent,) = talk.settle()
    assert [each["type"] for each in sent["modifications"]] == ["QueryUpdated"]


def test_a_query_that_is_back_before_its_removal_was_told_is_told_once(talk: Talk) -> None:
    opened(talk, add(0))
    talk.modify(1, {"type": "Remove", "queryId": 0})
    talk.modify(2, add(0, **WHO))
    (sent,) = talk.settle()
    assert [(each["type"], each["value"]) for each in sent["modifications"]] == [("QueryUpdated", None)]


def test_a_query_that_cannot_be_run_stays_as_it_is_whoever_asks(talk: Talk) -> None:
    opened(talk, add(0, udfPath="../x", args=[{}]))
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    assert talk.watching == {}
    sent = talk.send()
    assert sent is not None
    assert sent["modifications"] == []


# --- pages ------------------------------------------------------------------------------------------------------------


class Numbers:
    """A list of numbers, in pages."""

    def __init__(self) -> None:
        self.numbers = [10, 20, 30, 40]

    def __call__(self, _name: str, args: Any, _identity: object) -> Outcome:
        options = args[0]["paginationOpts"]
        after = [each for each in self.numbers if each > int(options["cursor"] or 0)]
        end = options.get("endCursor")
        page = after[: options["numItems"]] if end is None else [each for each in after if each <= int(end)]
        document = {"page": page, "isDone": False, "continueCursor": end or str(page[-1])}
        return Success(json.dumps(document, separators=(",", ":")))


def page(query: int, *, cursor: str | None = None, **more: Any) -> dict[str, Any]:
    options = {"numItems": 2, "cursor": cursor, "id": 1}
    return {"type": "Add", "queryId": query, "udfPath": "a:page", "args": [{"paginationOpts": options}], **more}


def test_a_page_keeps_its_border_when_it_is_run_again() -> None:
    numbers = Numbers()
    talk = opened(Talk(numbers), page(0), page(1, cursor="20"))
    (first,) = talk.client.heard
    assert [each["journal"] for each in first["modifications"]] == ["20", "40"]

    numbers.numbers += [15]
    numbers.numbers.sort()
    (sent,) = talk.settle()

    (told,) = sent["modifications"]
    assert (told["queryId"], told["value"]["page"], told["journal"]) == (0, [10, 15, 20], "20")


def test_a_page_keeps_its_border_over_a_reconnect() -> None:
    numbers = Numbers()
    numbers.numbers = [10, 15, 20, 30, 40]
    talk = opened(Talk(numbers), page(0, journal="20"), page(1, cursor="20", journal="40"))

    (first,) = talk.client.heard

    assert [each["value"]["page"] for each in first["modifications"]] == [[10, 15, 20], [30, 40]]
    assert talk.watching[0].args == [{"paginationOpts": {"numItems": 2, "cursor": None, "id": 1, "endCursor": "20"}}]


def test_a_border_that_was_asked_for_is_left_alone() -> None:
    talk = Talk(Numbers())
    talk.connect()
    wanted = page(0, journal="30")
    wanted["args"][0]["paginationOpts"]["endCursor"] = "10"
    talk.modify(0, wanted)
    (sent,) = talk.settle()
    assert sent["modifications"][0]["value"]["page"] == [10]
    assert sent["modifications"][0]["journal"] is None


@pytest.mark.parametrize(
    "answer", ["null", "[]", '{"page":[]}', '{"continueCursor":1}', f'{{"continueCursor":"{"x" * 5000}"}}']
)
def test_an_answer_that_is_no_page_has_no_border(answer: str) -> None:
    talk = opened(Talk(lambda *_: Success(answer)), page(0))
    assert talk.client.heard[0]["modifications"][0]["journal"] is None
    assert "endCursor" not in str(talk.watching[0].args)


def test_a_journal_of_what_is_no_page_is_not_looked_at(talk: Talk) -> None:
    talk.connect()
    talk.modify(0, add(0, journal="the end", **COUNT))
    (sent,) = talk.settle()
    assert (sent["modifications"][0]["value"], sent["modifications"][0]["journal"]) == (0.0, None)


# --- mutations and actions --------------------------------------------------------------------------------------------


def test_mutations_run_one_after_another_in_order_each_with_its_transition(talk: Talk) -> None:
    opened(talk, add(0))
    for request in (3, 4, 9):
        talk.say(type="Mutation", requestId=request, **INC)

    sent = talk.settle()

    assert types(sent) == ["MutationResponse", "Transition"] * 3
    assert talk.client.order == talk.begun == [3, 4, 9]
    shown = [each["modifications"][0]["value"] for each in sent if each["type"] == "Transition"]
    assert shown == [1.0, 2.0, 3.0], "each Transition shows the mutation before it, and none after"


def test_no_transition_is_sent_before_the_answer_nor_before_it_was_caught_up(talk: Talk) -> None:
    opened(talk, add(0))
    talk.say(type="Mutation", requestId=0, **INC)
    talk.begin()
    talk.learn(0)
    talk.answers("counter:inc", [], None)
    talk.learn(0)
    assert talk.send() is None, "its effect is seen already, but it runs"
    talk.finish()
    response = talk.send()
    assert response is not None
    assert response["type"] == "MutationResponse"
    assert talk.send() is None, "what was committed with it may not have been heard"
    talk.mark()
    talk.catch_up()

    after = talk.send()

    assert after is not None
    assert after["endVersion"]["ts"] == response["ts"]
    assert talk.client.resolved == {0}


def test_a_transition_follows_though_nothing_changed(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Mutation", requestId=0, **INC)
    sent = talk.settle()
    assert types(sent) == ["MutationResponse", "Transition"]
    assert sent[1]["modifications"] == []


@pytest.mark.parametrize("kind", ["Mutation", "Action"])
def test_a_transition_follows_failures_too(talk: Talk, kind: str) -> None:
    opened(talk)
    talk.say(type=kind, requestId=0, udfPath="counter:refuse", args=[{}])
    sent = talk.settle()
    assert types(sent) == [f"{kind}Response", "Transition"]
    assert (sent[0]["success"], sent[0]["errorData"]) == (False, {"code": "no"})


@pytest.mark.parametrize("kind", ["Mutation", "Action"])
def test_one_that_cannot_be_run_is_answered_all_the_same(talk: Talk, kind: str) -> None:
    opened(talk)
    talk.say(type=kind, requestId=0, udfPath="../x", args=[{}])
    talk.say(type=kind, requestId=1, args=[{}])

    sent = [each for each in talk.settle() if each["type"] != "Transition"]

    assert [(each["requestId"], each["success"]) for each in sent] == [(0, False), (1, False)]
    assert talk.begun == []
    assert "cannot name a module" in sent[0]["result"]


def test_a_long_mutation_holds_others_changes_for_a_second(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0))
    talk.say(type="Mutation", requestId=0, **INC)
    talk.begin()
    counter.count = 7
    talk.learn(0)
    assert talk.send() is None
    talk.now_s = talk.limits.hold_s

    sent = talk.send()

    assert sent is not None
    assert sent["type"] == "Transition"
    assert talk.client.resolved == set()


def test_the_next_mutation_waits_for_the_transition_but_not_for_ever(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Mutation", requestId=0, **INC)
    talk.say(type="Mutation", requestId=1, **INC)
    talk.begin()
    talk.finish()
    talk.begin()
    assert talk.running is None
    assert talk.connection.turn_s() == talk.limits.hold_s
    talk.now_s = talk.limits.hold_s

    talk.begin()

    assert talk.running is not None


def test_actions_run_side_by_side_and_are_answered_as_they_end(talk: Talk) -> None:
    opened(talk)
    for request in range(3):
        talk.say(type="Action", requestId=request, **INC)
    assert [each.request for each in talk.acting] == [0, 1, 2]
    talk.acting.reverse()

    sent = [each for each in talk.settle() if each["type"] == "ActionResponse"]

    assert [each["requestId"] for each in sent] == [2, 1, 0]


def test_what_was_committed_after_the_mark_is_not_taken_for_heard(talk: Talk) -> None:
    opened(talk, add(0))
    for request in range(2):
        talk.say(type="Mutation", requestId=request, **INC)
    talk.begin()
    talk.finish()
    mark = talk.connection.mark()
    talk.now_s = talk.limits.hold_s
    talk.begin()
    talk.finish()
    talk.send()
    talk.send()
    talk.connection.caught_up(mark)

    sent = talk.send()

    assert sent is not None
    assert sent["type"] == "Transition"
    assert talk.client.resolved == {0}
    assert talk.connection.behind


def test_a_failure_does_not_take_back_the_timestamp_of_the_one_before(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Mutation", requestId=0, **INC)
    talk.say(type="Mutation", requestId=1, udfPath="../x", args=[{}])
    talk.begin()
    talk.finish()
    talk.now_s = talk.limits.hold_s
    talk.begin()  # answers the second, which cannot be run
    talk.settle()
    assert talk.client.resolved == {0, 1}


def test_an_action_that_runs_already_is_fatal(talk: Talk) -> None:
    opened(talk)
    for _ in range(2):
        talk.say(type="Action", requestId=0, **INC)
    assert talk.connection.end == End(1000, "")
    assert talk.settle()[0] == {"type": "FatalError", "error": "Action 0 is running already"}


def test_none_is_begun_while_one_runs_or_after_the_end(talk: Talk) -> None:
    opened(talk)
    for request in range(3):
        talk.say(type="Mutation", requestId=request, **INC)
    talk.begin()
    assert talk.connection.turn_s() is None
    assert talk.connection.next_mutation(now_s=talk.now_s) is None
    talk.finish()
    talk.mark()
    talk.catch_up()
    assert talk.send() is not None
    assert talk.send() is not None
    assert talk.connection.turn_s() is not None
    talk.connection.end = End(1013, "x")
    assert talk.connection.next_mutation(now_s=talk.now_s) is None


def test_after_the_end_nothing_has_to_be_heard_any_more(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Mutation", requestId=0, **INC)
    talk.begin()
    talk.finish()
    assert talk.connection.behind
    talk.connection.end = End(1013, "x")
    assert not talk.connection.behind


def test_a_mutation_is_run_as_whoever_asked_for_it(talk: Talk, counter: Counter) -> None:
    opened(talk)
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    talk.say(type="Mutation", requestId=0, **INC)
    talk.say(type="Authenticate", baseVersion=1, tokenType="None")
    talk.say(type="Mutation", requestId=1, **INC)

    talk.settle()

    assert counter.callers == ["jane", None]


# --- who --------------------------------------------------------------------------------------------------------------

WHO = {"udfPath": "auth:whoami", "args": [{}]}


def test_another_identity_has_every_query_asked_anew(talk: Talk) -> None:
    opened(talk, add(0, **WHO), add(1))
    assert talk.client.shown[0] == ("value", "null")
    talk.now_s = 100.0
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    assert talk.send() is None, "the answers of before are nobody's now"

    (sent,) = talk.settle()

    assert sent["endVersion"]["identity"] == 1
    assert [each["queryId"] for each in sent["modifications"]] == [0], "the other one has not changed"
    assert talk.client.shown[0] == ("value", '"jane"')


def test_a_renewed_token_of_the_same_person_raises_the_version_alone(talk: Talk, counter: Counter) -> None:
    opened(talk, add(0, **WHO))
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    talk.settle()
    counter.callers.clear()
    talk.say(type="Authenticate", baseVersion=1, tokenType="User", value="jane")

    sent = talk.send()

    assert sent is not None
    assert (sent["endVersion"]["identity"], sent["modifications"]) == (2, [])
    assert counter.callers == []


def test_a_bad_token_ends_it_with_the_identity_that_was_last_sent(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    talk.settle()
    talk.say(type="Authenticate", baseVersion=1, tokenType="User", value="bad")

    assert talk.settle() == [
        {"type": "AuthError", "error": "The token is bad.", "baseVersion": 1, "authUpdateAttempted": True}
    ]
    assert talk.connection.end == End(1000, "")


def test_an_admin_key_is_refused_like_a_bad_token(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Authenticate", baseVersion=0, tokenType="Admin", value="key")
    (sent,) = talk.settle()
    assert (sent["type"], sent["authUpdateAttempted"]) == ("AuthError", True)


def test_a_token_that_cannot_be_encoded_is_looked_at_by_nobody(talk: Talk) -> None:
    talk.connect()
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="\ud800")
    (sent,) = talk.settle()
    assert (sent["type"], sent["error"]) == ("AuthError", "This is not a token.")


def test_a_token_that_runs_out_after_the_end_is_not_spoken_of(talk: Talk) -> None:
    opened(talk)
    talk.say_text("nonsense")
    talk.connection.refused("The token has expired.", attempted=False)
    assert types(talk.settle()) == ["FatalError"]


def test_a_token_that_runs_out_ends_it_without_an_attempt(talk: Talk) -> None:
    opened(talk)
    talk.connection.refused("The token has expired.", attempted=False)
    talk.say(type="Mutation", requestId=0, **INC)

    (sent,) = talk.settle()

    assert (sent["type"], sent["authUpdateAttempted"]) == ("AuthError", False)
    assert talk.begun == []


# --- what is not taken ------------------------------------------------------------------------------------------------


def fatal(talk: Talk) -> str:
    sent = talk.settle()
    assert sent[-1]["type"] == "FatalError", sent
    assert talk.connection.end == End(1000, "")
    return str(sent[-1]["error"])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"type": "Connect", "sessionId": SESSION}, "Connect comes first on a connection, and once"),
        ({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": []}, "Base version 0 passed"),
        ({"type": "ModifyQuerySet", "baseVersion": 1, "newVersion": 3, "modifications": []}, "newVersion is"),
        ({"type": "Authenticate", "baseVersion": 1, "tokenType": "None"}, "Base version 1 passed up"),
        ({"type": "Nonsense"}, "There is no message of type Nonsense"),
        (
            {
                "type": "ModifyQuerySet",
                "baseVersion": 1,
                "newVersion": 2,
                "modifications": [{"type": "Remove", "queryId": 9}],
            },
            "there is no query 9",
        ),
        (
            {"type": "ModifyQuerySet", "baseVersion": 1, "newVersion": 2, "modifications": [add(0)]},
            "query 0 is there already",
        ),
    ],
)
def test_what_retrying_cannot_mend_is_fatal(talk: Talk, message: dict[str, Any], said: str) -> None:
    opened(talk, add(0))
    talk.say(**message)
    assert said in fatal(talk)


def test_connect_comes_first_or_never(talk: Talk) -> None:
    talk.modify(0)
    talk.connect()
    assert fatal(talk) == "Connect comes first on a connection, and once"


def test_a_client_that_expects_a_login_says_no_connect(talk: Talk) -> None:
    talk.say(type="Authenticate", baseVersion=0, tokenType="User", value="jane")
    talk.modify(0, add(0, **WHO))
    talk.say(type="Mutation", requestId=0, **INC)
    talk.begin()
    assert talk.running is not None
    assert talk.running.session == OWN
    talk.settle()
    assert talk.client.resolved == {0}
    assert talk.client.shown[0] == ("value", '"jane"')


def test_a_binary_frame_is_fatal(talk: Talk) -> None:
    talk.connection.receive_bytes()
    assert fatal(talk) == "Messages are text frames"


def test_after_the_end_nothing_is_heard_and_nothing_but_the_rest_is_said(talk: Talk) -> None:
    opened(talk, add(0))
    talk.say_text("nonsense")
    talk.say(type="Mutation", requestId=0, **INC)
    talk.say_text("nonsense")
    assert types(talk.settle()) == ["FatalError"]


def test_too_many_queries_are_fatal(counter: Counter) -> None:
    talk = opened(Talk(counter, Limits(queries=3)), add(0), add(1), add(2))
    talk.modify(1, {"type": "Remove", "queryId": 0}, add(3))
    assert types(talk.settle()) == ["Transition"]
    talk.modify(2, add(4))
    assert fatal(talk) == "A connection watches at most 3 queries at once"


def test_arguments_that_fill_the_memory_are_fatal(counter: Counter) -> None:
    talk = Talk(counter, Limits(query_bytes=100))
    talk.connect()
    talk.modify(0, add(0, udfPath="counter:get", args=[{"x": "y" * 80}]))
    talk.modify(1, {"type": "Remove", "queryId": 0})
    talk.modify(2, add(1, udfPath="counter:get", args=[{"x": "y" * 80}]))
    talk.settle()
    talk.modify(3, add(2, udfPath="counter:get", args=[{"x": "y" * 20}]))
    assert "at most 100 characters" in fatal(talk)


def test_too_many_mutations_close_it_for_now(counter: Counter) -> None:
    talk = opened(Talk(counter, Limits(mutations=2)))
    for request in range(3):
        talk.say(type="Mutation", requestId=request, **INC)
    assert talk.connection.end == End(1013, "TooManyConcurrentMutations")
    assert talk.settle() == []
    assert counter.count == 0
    assert talk.connection.held == 0


def test_too_many_actions_close_it_for_now(counter: Counter) -> None:
    talk = opened(Talk(counter, Limits(actions=2)))
    for request in range(3):
        talk.say(type="Action", requestId=request, **INC)
    assert talk.connection.end == End(1013, "TooManyConcurrentRequests")


def test_what_waits_is_counted_until_it_is_answered(talk: Talk) -> None:
    opened(talk)
    talk.say(type="Mutation", requestId=0, udfPath="counter:inc", args=[{"x": "y" * 1000}])
    talk.say(type="Action", requestId=1, udfPath="counter:inc", args=[{"x": "y" * 1000}])
    assert 2000 < talk.connection.held < 2300
    talk.settle()
    assert talk.connection.held == 0


# --- big ones ---------------------------------------------------------------------------------------------------------

BIG = {"udfPath": "counter:big", "args": [{}]}


def test_a_big_transition_comes_in_pieces_for_who_takes_them_with_nothing_between(counter: Counter) -> None:
    talk = Talk(counter, Limits(chunk=300), chunked=True)
    talk.connect()
    talk.modify(0, add(0, **BIG))
    talk.learn_all()
    first = talk.send()
    assert first is not None
    assert first["type"] == "TransitionChunk"
    talk.say(type="Mutation", requestId=0, udfPath="../x", args=[{}])

    sent = types(talk.settle())

    assert sent[: first["totalParts"] - 1] == ["TransitionChunk"] * (first["totalParts"] - 1)
    assert talk.client.shown[0] == ("value", f'"{"x" * 500}"')
    assert talk.client.answered.keys() == {0}


def test_who_takes_no_pieces_gets_it_whole(counter: Counter) -> None:
    talk = Talk(counter, Limits(chunk=300), chunked=False)
    assert types(opened(talk, add(0, **BIG)).client.heard) == ["Transition"]


def test_what_does_not_fit_one_transition_comes_in_the_next(counter: Counter) -> None:
    talk = opened(Talk(counter, Limits(transition=1200)), *(add(query, **BIG) for query in range(5)))
    assert types(talk.client.heard) == ["Transition"] * 3
    assert talk.client.shown.keys() == {0, 1, 2, 3, 4}


def test_one_answer_that_is_larger_than_a_transition_is_told_all_the_same(counter: Counter) -> None:
    talk = opened(Talk(counter, Limits(transition=100)), add(0, **BIG), add(1, **BIG))
    assert talk.client.shown.keys() == {0, 1}


def test_a_failure_before_any_function_reads_like_others(talk: Talk) -> None:
    opened(talk, add(0, udfPath="../x", args=[{}]))
    (kind, message) = talk.client.shown[0]
    assert kind == "error"
    assert message.startswith(" Server Error\n")
    assert isinstance(failed("x"), Failure)

"""Lists over HTTP: each box's own referrals, newest first, in pages without gap or overlap; bad page options."""

from __future__ import annotations

import base64
import struct
from typing import Any, Final

import pytest

from rufaa.db.atomic import unit
from rufaa.functions import paging
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from support import Running, World, referral_in, unchanged

S = Status
BOXES: Final = ("Pending", "Incoming", "Outgoing", "Completed")


def listed(gateway: Running, function: str, by: Any, **args: Any) -> Any:
    return gateway.do("query", f"referrals:{function}", args, by=by)


def ids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["_id"] for document in documents]


def elsewhere(world: World, *, to: str) -> str:
    row = unit(
        lambda tx: referrals.create(
            tx,
            world.stranger,
            patient_name="John Otieno",
            receiving=to,
            priority=Priority.EMERGENCY,
            medical_history="",
            lab_results="",
            diagnosis="burns",
        ),
        actor=world.stranger.user,
    )
    return row.pk.hex


def test_each_box_has_its_own_newest_first(world: World, gateway: Running) -> None:
    pending, older = world.referral(), referral_in(world, S.PENDING_ADMIN)
    completed = referral_in(world, S.COMPLETED)
    urgent = world.referral(priority=Priority.EMERGENCY, by=world.admin)
    theirs = elsewhere(world, to=world.tumaini.name)
    back = elsewhere(world, to=world.uhuru.name)

    assert ids(listed(gateway, "getPendingReferrals", world.admin)) == [back, urgent, older, pending]
    assert ids(listed(gateway, "getOutgoingReferrals", world.admin)) == [urgent, completed, older, pending]
    assert ids(listed(gateway, "getIncomingReferrals", world.admin)) == [back]
    assert ids(listed(gateway, "getCompletedReferrals", world.admin)) == [completed]
    assert ids(listed(gateway, "getReferralsByPhysician", world.physician)) == [completed, older, pending]
    assert ids(listed(gateway, "getIncomingReferrals", world.receiver)) == [theirs, urgent, completed]
    assert ids(listed(gateway, "getOutgoingReferrals", world.stranger)) == [back, theirs]
    assert ids(listed(gateway, "getReferralsByStatus", world.receiver, status="pending-admin")) == [theirs, urgent]


def test_nothing_of_other_facilities_is_in_any_list(world: World, gateway: Running) -> None:
    for status in Status:
        referral_in(world, status)
    own = elsewhere(world, to=world.tumaini.name)

    seen = set()
    for box in BOXES:
        seen |= set(ids(listed(gateway, f"get{box}Referrals", world.stranger)))
    for status in Status:
        seen |= set(ids(listed(gateway, "getReferralsByStatus", world.stranger, status=status)))
    for person in (world.physician, world.admin, world.stranger):
        found = listed(gateway, "getReferralsByPhysician", world.stranger, physicianId=person.user.hex)
        seen |= set(ids(found))
    assert seen == {own}
    for box in BOXES:
        assert listed(gateway, f"get{box}Referrals", world.operator) == []


@pytest.mark.parametrize("named", ["", "x", "0" * 32, "f" * 32])
def test_a_physician_who_is_not_there_has_no_referrals(world: World, gateway: Running, named: str) -> None:
    world.referral()

    assert listed(gateway, "getReferralsByPhysician", world.admin, physicianId=named) == []
    page = listed(gateway, "getReferralsByPhysician", world.admin, physicianId=named, paginationOpts=first(5))
    assert page == {"page": [], "isDone": True, "continueCursor": "end", "splitCursor": None, "pageStatus": None}


def first(size: float) -> dict[str, Any]:
    return {"numItems": size, "cursor": None}


def test_pages_leave_no_gap_and_repeat_nothing_while_rows_are_added(world: World, gateway: Running) -> None:
    before = [world.referral() for _ in range(7)]
    seen: list[str] = []
    options: dict[str, Any] = first(3)
    sizes = []
    while True:
        page = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=options)
        seen += ids(page["page"])
        sizes.append(len(page["page"]))
        options = {"numItems": 3, "cursor": page["continueCursor"]}
        if page["isDone"]:
            break
        world.referral()  # newer ones come before the first page

    assert seen == list(reversed(before))
    assert sizes == [3, 3, 1]
    assert options["cursor"] == "end"
    after = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=options)
    assert (after["page"], after["isDone"]) == ([], True)


def test_a_row_that_leaves_the_list_moves_no_other(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(5)]
    page = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=first(2))
    world.move(made[3], S.AWAITING_BIODATA)  # the last of the first page, whose id the cursor names
    world.move(made[2], S.AWAITING_BIODATA)

    rest = listed(
        gateway, "getPendingReferrals", world.admin, paginationOpts={"numItems": 2, "cursor": page["continueCursor"]}
    )

    assert (ids(page["page"]), ids(rest["page"])) == ([made[4], made[3]], [made[1], made[0]])
    assert rest["isDone"] is True


def test_a_page_that_fits_exactly_is_the_last(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(2)]

    page = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=first(2))

    assert (ids(page["page"]), page["isDone"]) == ([made[1], made[0]], True)


def test_a_cursor_shows_nobody_else_anything(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(3)]

    page = listed(gateway, "getPendingReferrals", world.stranger, paginationOpts={"numItems": 5, "cursor": made[2]})

    assert (page["page"], page["isDone"]) == ([], True)


def rerun(gateway: Running, world: World, page: Any, *, cursor: str | None = None) -> Any:
    """The same page once more, as a live query asks for it: up to where it ended before."""
    options = {"numItems": 2, "cursor": cursor, "endCursor": page["continueCursor"]}
    return listed(gateway, "getPendingReferrals", world.admin, paginationOpts=options)


def test_a_page_that_is_read_again_keeps_its_borders(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(5)]
    one = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=first(2))
    cursor = one["continueCursor"]
    two = listed(gateway, "getPendingReferrals", world.admin, paginationOpts={"numItems": 2, "cursor": cursor})
    world.move(made[2], S.AWAITING_BIODATA)  # of the second page
    newer = [world.referral(), world.referral()]

    again, second = rerun(gateway, world, one), rerun(gateway, world, two, cursor=cursor)

    assert (ids(one["page"]), ids(two["page"])) == ([made[4], made[3]], [made[2], made[1]])
    assert ids(again["page"]) == [newer[1], newer[0], made[4], made[3]]
    assert ids(second["page"]) == [made[1]]
    assert [(page["isDone"], page["continueCursor"]) for page in (again, second)] == [
        (False, cursor),
        (False, two["continueCursor"]),
    ]


def test_the_last_page_read_again_reaches_to_the_end(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(3)]
    last = listed(gateway, "getPendingReferrals", world.admin, paginationOpts={"numItems": 2, "cursor": made[2]})

    again = rerun(gateway, world, last, cursor=made[2])

    assert last["continueCursor"] == "end"
    assert (ids(again["page"]), again["isDone"], again["continueCursor"]) == ([made[1], made[0]], True, "end")


def test_a_page_that_grew_can_be_split_in_the_middle(world: World, gateway: Running) -> None:
    made = [world.referral() for _ in range(5)]
    page = listed(gateway, "getPendingReferrals", world.admin, paginationOpts=first(5))
    split = page["splitCursor"]

    halves = [
        rerun(gateway, world, {"continueCursor": split}),
        rerun(gateway, world, {"continueCursor": page["continueCursor"]}, cursor=split),
    ]

    assert [ids(half["page"]) for half in halves] == [[made[4], made[3], made[2]], [made[1], made[0]]]
    assert [half["isDone"] for half in halves] == [False, True]
    assert (page["pageStatus"], halves[1]["splitCursor"]) == (None, None)


def test_a_page_that_grew_too_long_must_be_split(
    world: World, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 4)
    made = [world.referral() for _ in range(4)]
    end = {"continueCursor": made[0]}
    recommended = rerun(gateway, world, end)
    made.append(world.referral())

    cut = rerun(gateway, world, end)

    assert (recommended["pageStatus"], len(recommended["page"])) == ("SplitRecommended", 4)
    assert (cut["pageStatus"], cut["splitCursor"], cut["continueCursor"]) == ("SplitRequired", made[3], made[0])
    assert ids(cut["page"]) == [made[4], made[3], made[2], made[1]]
    halves = [rerun(gateway, world, {"continueCursor": made[3]}), rerun(gateway, world, end, cursor=made[3])]
    assert [ids(half["page"]) for half in halves] == [[made[4], made[3]], [made[2], made[1], made[0]]]


def test_what_clients_send_along_is_taken(world: World, gateway: Running) -> None:
    referral = world.referral()

    page = listed(gateway, "getPendingReferrals", world.admin, paginationOpts={**first(5), "id": 7, "endCursor": None})

    assert ids(page["page"]) == [referral]


NAN: Final = {"$float": base64.b64encode(struct.pack("<d", float("nan"))).decode()}
BAD: Final[list[tuple[dict[str, Any], str]]] = [
    ({}, "invalid-argument"),
    ({"cursor": None}, "invalid-argument"),
    ({"numItems": 0, "cursor": None}, "invalid-argument"),
    ({"numItems": -1, "cursor": None}, "invalid-argument"),
    ({"numItems": 1.5, "cursor": None}, "invalid-argument"),
    ({"numItems": 1001, "cursor": None}, "invalid-argument"),
    ({"numItems": 1e300, "cursor": None}, "invalid-argument"),
    ({"numItems": NAN, "cursor": None}, "invalid-argument"),
    ({"numItems": "5", "cursor": None}, "invalid-argument"),
    ({"numItems": True, "cursor": None}, "invalid-argument"),
    ({"numItems": None, "cursor": None}, "invalid-argument"),
    ({"numItems": 5, "cursor": ""}, "InvalidCursor"),
    ({"numItems": 5, "cursor": "start"}, "InvalidCursor"),
    ({"numItems": 5, "cursor": 7}, "InvalidCursor"),
    ({"numItems": 5, "cursor": "a\x00b"}, "InvalidCursor"),
    ({"numItems": 5, "cursor": "X" * 32}, "InvalidCursor"),
    ({"numItems": 5, "cursor": None, "endCursor": "start"}, "InvalidCursor"),
    ({"numItems": 5, "cursor": None, "endCursor": 7}, "InvalidCursor"),
    ({"numItems": 0, "cursor": None, "endCursor": "end"}, "invalid-argument"),
]


def test_bad_page_options_are_refused(world: World, gateway: Running, subtests: pytest.Subtests) -> None:
    world.referral()
    with unchanged():
        for options, code in BAD:
            for nobody in ({}, {"physicianId": "nobody"}):
                with subtests.test(f"{options} {nobody}"):
                    args = {"paginationOpts": options, **nobody}
                    error = gateway.error("query", "referrals:getReferralsByPhysician", args, by=world.physician)
                    assert error["code"] == code
                    if code == "invalid-argument":
                        message = "paginationOpts.numItems must be a whole number from 1 to 1000."
                        assert (error["message"], error["data"]) == (message, {"argument": "paginationOpts"})
                    else:
                        assert "InvalidCursor" in error["message"]


@pytest.mark.parametrize("options", ["5", 5, [5], True])
def test_page_options_are_an_object(world: World, gateway: Running, options: Any) -> None:
    answer = gateway.call("query", "referrals:getPendingReferrals", {"paginationOpts": options}, by=world.admin)

    assert "ArgumentValidationError: 'paginationOpts': expected object" in answer["errorMessage"]

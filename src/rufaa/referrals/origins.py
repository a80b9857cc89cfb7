"""Where a new referral comes from, and whose it is."""

from __future__ import annotations

from rufaa.errors import InvalidArgument, sentence
from rufaa.facilities import queries as facilities
from rufaa.facilities.models import Facility, Membership, User
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Role, Side
from rufaa.ids import from_wire


def home(actor: Actor, named: str | None) -> Facility:
    """Where the referral comes from: the facility named, or the only one in which the caller may create."""
    found = facilities.home(actor, named, argument="referringHospital")
    if found is not None:
        return found
    mine = actor.facilities_with(Right.CREATE, Side.REFERRING)
    if not mine:
        raise Forbidden("Only physicians and administrators create referrals.", right=Right.CREATE)
    names = list(Facility.objects.filter(pk__in=mine).order_by("name").values_list("name", flat=True))
    raise InvalidArgument(
        sentence("You work in several facilities; name one as referringHospital: %(names)s.", names=names),
        argument="referringHospital",
        allowed=names,
    )


def physician(actor: Actor, named: str | None, home: Facility) -> User:
    """Whose the referral is: the caller's own, or of a physician of ``home`` by id or sign-in name."""
    if named is None:
        return User.objects.get(pk=actor.user)
    by_id = from_wire(named)
    users = User.objects.filter(is_active=True)
    found = users.filter(pk=by_id) if by_id else users.filter(username=named)
    user = None if "\x00" in named else found.first()
    if user is not None and (user.pk == actor.user or _is_physician(user, home)):
        return user
    raise InvalidArgument("physicianId is not a physician of the referring facility.", argument="physicianId")


def _is_physician(user: User, home: Facility) -> bool:
    return Membership.objects.filter(user=user, facility=home, role=Role.PHYSICIAN, revoked_at=None).exists()

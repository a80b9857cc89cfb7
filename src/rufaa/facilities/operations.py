"""Setting up: facilities, people, M-Pesa accounts, prices. What the operator's commands and the demo call."""

from __future__ import annotations

import json
import re
import uuid
from typing import Final

from django.db.models import Q

from rufaa import ids, secret
from rufaa.daraja.credentials import AccountKind, C2bVersion, Credentials, Environment, PullMethod
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility, Membership, MpesaAccount, Price, User
from rufaa.facilities.rights import Role
from rufaa.money import InvalidAmount, Money, stk_amount

_USERNAME: Final = re.compile(r"[\w.@+-]{1,150}", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s@<>,;\x00]+@[^\s@<>,;\x00]+\.[^\s@<>,;\x00]+")


class InvalidName(InvalidArgument):
    """A name is empty, too long, or has letters that it must not have."""

    code = "invalid-name"


class SharedShortCode(InvalidArgument):
    """Payments to two tills of one short code could not be told apart."""

    code = "shared-short-code"


class NameTaken(RufaaError):
    """Somebody else, or another facility, has this name already; the case of letters makes no difference for people."""

    kind = Kind.CONFLICT
    code = "name-taken"


def add_facility(_tx: Tx, name: str) -> Facility:
    """A facility by this name, made if it is not there yet."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200:
        raise InvalidName("A facility's name has 1 to 200 characters.", argument="name")
    facility, _ = Facility.objects.get_or_create(name=name)
    return facility


def add_user(_tx: Tx, username: str, *, full_name: str = "", email: str = "", operator: bool = False) -> User:
    """A person by this sign-in name, made if not there yet. No password: they sign in by token, or are invited.

    Raises ``InvalidName``, and ``NameTaken`` where somebody has the name in other letters' case.
    """
    if not _USERNAME.fullmatch(username):
        raise InvalidName("A user's name has 1 to 150 letters, digits and . @ + - _", argument="username")
    if email and not (len(email) <= 254 and _EMAIL.fullmatch(email)):
        raise InvalidArgument("This is no e-mail address.", argument="email")
    there = User.objects.filter(username__iexact=username).values_list("username", flat=True).first()
    if there not in {None, username}:
        raise NameTaken(
            sentence("There is somebody called %(name)s already: names differ in more than case.", name=there),
            argument="username",
        )
    user, made = User.objects.get_or_create(
        username=username, defaults={"full_name": full_name, "is_superuser": operator, "is_staff": operator}
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    elif (full_name and user.full_name != full_name) or (operator and not user.is_superuser):
        user.full_name = full_name or user.full_name
        user.is_superuser = user.is_staff = user.is_superuser or operator
        user.save(update_fields=["full_name", "is_superuser", "is_staff"])
    if email and user.email != email.lower():
        user.email = email.lower()  # by which signing in finds it
        user.save(update_fields=["email"])
    return user


def rename(_tx: Tx, user: uuid.UUID, full_name: str) -> None:
    """How other people write this person from now on. Raises ``InvalidName``."""
    User.objects.filter(pk=user).update(full_name=name_of_person(full_name))


def name_of_person(text: str) -> str:
    """A person's name as somebody typed it, with single blanks. Raises ``InvalidName``."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise InvalidName("A person's name has 1 to 200 characters.", argument="full_name")
    return name


def set_language(_tx: Tx, user: uuid.UUID, language: str) -> None:
    """In which language this person is answered: ``en`` or ``sw``, or nothing for what the browser asks for."""
    if language not in {"", "en", "sw"}:
        raise InvalidArgument("There are en and sw.", argument="language")
    User.objects.filter(pk=user).update(language=language)


def set_active(_tx: Tx, user: uuid.UUID, active: bool) -> None:
    """Whether this person may sign in, by whatever means. Who may not is told so, and is nobody's colleague."""
    User.objects.filter(pk=user).update(is_active=active)


def require_second_factor(_tx: Tx, facility: Facility, required: bool) -> None:
    """Whether, from the commit on, whoever has a role in ``facility`` needs more than a password to see a page."""
    Facility.objects.filter(pk=facility.pk).update(second_factor_required=required)


def set_details(_tx: Tx, facility: Facility, *, name: str, prompts_at_once: bool, second_factor_required: bool) -> None:
    """What ``facility`` is called, and how it works. Raises ``InvalidName`` and ``NameTaken``."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise InvalidName("A facility's name has 1 to 200 characters.", argument="name")
    if Facility.objects.filter(name__iexact=name).exclude(pk=facility.pk).exists():
        raise NameTaken("Another facility has this name already.", argument="name")
    Facility.objects.filter(pk=facility.pk).update(
        name=name, prompts_at_once=prompts_at_once, second_factor_required=second_factor_required
    )


def add_member(_tx: Tx, user: User, facility: Facility, role: Role) -> None:
    """Give ``user`` a role in ``facility``; saying it again changes nothing."""
    Membership.objects.get_or_create(user=user, facility=facility, role=role, revoked_at=None)


def set_price(
    _tx: Tx,
    facility: Facility,
    *,
    amount: Money,
    payee: Facility,
    account: MpesaAccount,
    receiving: Facility | None = None,
) -> Price:
    """What a referral from ``facility`` (to ``receiving``, or to anybody) costs from now on. Raised fees stay.

    Raises ``InvalidAmount`` for what no prompt could ask for.
    """
    check_price(amount)
    price, _ = Price.objects.update_or_create(
        facility=facility,
        receiving=receiving,
        defaults={"payee": payee, "account": account, "amount_cents": amount.cents},
    )
    return price


def check_price(amount: Money) -> None:
    """Raises ``InvalidAmount`` for what no prompt could ask for."""
    if amount.cents % 100:
        raise InvalidAmount("A price is a whole number of shillings.", argument="amount")
    stk_amount(amount.shillings)


def keep_account(
    tx: Tx, credentials: Credentials, *, keys: tuple[str, ...], pushes_per_s: float, queries_per_min: float
) -> MpesaAccount:
    """The platform's M-Pesa account as the ``MPESA_*`` settings say it; its keys are sealed.

    Raises ``SharedShortCode`` for a second till of a short code that is registered for C2B or Pull.
    """
    account, made = MpesaAccount.objects.get_or_create(
        environment=credentials.environment,
        short_code=credentials.short_code,
        till_number=credentials.till_number or "",
        defaults={"base_url": credentials.base_url, "kind": credentials.kind, "sealed_keys": b""},
    )
    if made:
        _check_alone(account)
    before = None if not account.sealed_keys else credentials_of(account, keys=keys)
    account.base_url, account.kind = credentials.base_url, credentials.kind
    account.pushes_per_s, account.queries_per_min = pushes_per_s, queries_per_min
    account.sealed_keys = secret.seal(keys, _keys(credentials), context=_context(account.pk))  # under the newest secret
    account.save(
        update_fields=["base_url", "kind", "pushes_per_s", "queries_per_min", "sealed_keys"]  # a registration stays
    )
    tx.execute(
        "INSERT INTO mpesa_access (account_id) VALUES (%(account)s) ON CONFLICT DO NOTHING", {"account": account.pk}
    )
    if before is not None and before != credentials:  # a token of the old keys is worth nothing
        tx.execute("UPDATE mpesa_access SET token_expires_at = NULL WHERE account_id = %(id)s", {"id": account.pk})
    return account


def _check_alone(account: MpesaAccount) -> None:
    others = MpesaAccount.objects.filter(environment=account.environment, short_code=account.short_code)
    # Where the answer was lost, C2B may be registered: its address is noted before anybody is asked.
    told = Q(c2b_registered_at__isnull=False) | ~Q(c2b_urls_for="") | Q(pull_registered_at__isnull=False)
    if others.exclude(pk=account.pk).filter(told).exists():
        raise SharedShortCode(
            "Another account here has this short code and is registered for C2B or Pull, and what M-Pesa tells of a"
            " payment does not say to which till it came: it would be booked twice. Nothing was kept. Where the M-Pesa"
            " portal has taken that registration away, say so: rufaa account forget-registration.",
            argument="short_code",
        )


def credentials_of(account: MpesaAccount, *, keys: tuple[str, ...]) -> Credentials:
    """What the Daraja client needs. Raises ``CannotUnseal`` where the operator's secret does not fit."""
    plain = secret.unseal(keys, bytes(account.sealed_keys), context=_context(account.pk))
    consumer_key, consumer_secret, passkey, *rest = json.loads(plain)
    more: dict[str, str] = rest[0] if rest else {}
    return Credentials(
        environment=Environment(account.environment),
        base_url=account.base_url,
        short_code=account.short_code,
        till_number=account.till_number or None,
        kind=AccountKind(account.kind),
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        passkey=passkey,
        initiator_name=more.get("initiator_name"),
        initiator_password=more.get("initiator_password"),
        certificate=more.get("certificate"),
        c2b_version=C2bVersion(more.get("c2b_version", C2bVersion.V2)),
        pull_method=PullMethod(more.get("pull_method", PullMethod.POST)),
        nominated_number=more.get("nominated_number"),
    )


def _keys(credentials: Credentials) -> bytes:
    """What is sealed: three keys, and behind them what an account may have besides. Without that, it is what older
    nodes read and wrote, so that they can go on reading it.
    """
    listed: list[object] = [credentials.consumer_key, credentials.consumer_secret, credentials.passkey]
    more = {
        "initiator_name": credentials.initiator_name,
        "initiator_password": credentials.initiator_password,
        "certificate": credentials.certificate,
        "nominated_number": credentials.nominated_number,
        "c2b_version": None if credentials.c2b_version is C2bVersion.V2 else credentials.c2b_version,
        "pull_method": None if credentials.pull_method is PullMethod.POST else credentials.pull_method,
    }
    given = {name: value for name, value in more.items() if value is not None}
    return json.dumps([*listed, given] if given else listed).encode()


def _context(account: uuid.UUID) -> str:
    return f"mpesa-account:{ids.wire(account)}"

"""The addresses of staff. What changes something has an address of its own, below the page that shows it."""

from __future__ import annotations

from django.urls import path

from rufaa.console import appointments, audit, letter, making, messages, money, referral, talk, work
from rufaa.console.settings import account, clinics, details, overview, people, prices
from rufaa.console.settings import messages as telling

_OF_REFERRAL = (
    referral.approve,
    referral.reject,
    referral.ask,
    referral.confirm,
    referral.complete,
    referral.cancel,
    referral.particulars,
    referral.phones,
    referral.prompt,
    referral.exempt,
    referral.agree,
    referral.code,
    appointments.book,
    appointments.unbook,
    messages.again,
    messages.wish,
    talk.say,
    talk.attach,
    talk.remove,
)

_OF_MONEY = (money.apply, money.propose, money.agree, money.withdraw, money.conclude, money.close)

_OF_PERSON = (people.roles, people.again, people.off, people.on, people.forget)

_OF_ACCOUNT = (account.hold, account.release, account.check)

_OF_CLINICS = (clinics.add, clinics.close, clinics.late)
_OF_CLINIC = (clinics.change, clinics.end, clinics.reopen)

_OF_APPOINTMENT = (appointments.arrived, appointments.attended, appointments.missed)

urlpatterns = [
    path("work/", work.work),
    path("referrals/new/", making.new),
    path("referrals/new/facilities/", making.destinations),
    path("referrals/<str:referral>/", referral.referral),
    *(path(f"referrals/<str:referral>/{act.__name__}/", act) for act in _OF_REFERRAL),
    path("settings/", overview.settings),
    path("settings/<str:facility>/prices/", prices.prices),
    path("settings/<str:facility>/prices/set/", prices.set),
    path("settings/<str:facility>/account/", account.account),
    *(path(f"settings/<str:facility>/account/<str:subject>/{act.__name__}/", act) for act in _OF_ACCOUNT),
    path("settings/<str:facility>/details/", details.details),
    path("settings/<str:facility>/details/save/", details.save),
    path("settings/<str:facility>/messages/", telling.messages),
    path("settings/<str:facility>/messages/save/", telling.save),
    path("settings/<str:facility>/messages/word/", telling.word),
    path("settings/<str:facility>/people/", people.people),
    path("settings/<str:facility>/people/invite/", people.invite),
    path("settings/<str:facility>/people/<str:person>/", people.person),
    *(path(f"settings/<str:facility>/people/<str:person>/{act.__name__}/", act) for act in _OF_PERSON),
    path("settings/<str:facility>/clinics/", clinics.clinics),
    *(path(f"settings/<str:facility>/clinics/{act.__name__}/", act) for act in _OF_CLINICS),
    *(path(f"settings/<str:facility>/clinics/<str:subject>/{act.__name__}/", act) for act in _OF_CLINIC),
    path("clinics/", appointments.clinics),
    path("clinics/calendar.ics", appointments.calendar),
    *(path(f"clinics/<str:subject>/{act.__name__}/", act) for act in _OF_APPOINTMENT),
    path("referrals/<str:referral>/onward/", making.refer_onward),
    path("referrals/<str:referral>/audit/", audit.audit),
    path("referrals/<str:referral>/letter/", letter.letter),
    path("referrals/<str:referral>/file/<str:file>/", talk.file),
    path("money/", money.money),
    *(path(f"money/<str:subject>/{act.__name__}/", act) for act in _OF_MONEY),
]

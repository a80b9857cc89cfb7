"""The addresses of staff. What changes something has an address of its own, below the page that shows it."""

from __future__ import annotations

from django.urls import path

from rufaa.console import making, referral, work

_ACTS = (
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
)

urlpatterns = [
    path("work/", work.work),
    path("referrals/new/", making.new),
    path("referrals/new/facilities/", making.destinations),
    path("referrals/<str:referral>/", referral.referral),
    *(path(f"referrals/<str:referral>/{act.__name__}/", act) for act in _ACTS),
]

"""One referral's particulars of a patient."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rufaa import ids
from rufaa.db.fields import RufaaNow


class Particulars(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_at = models.DateTimeField(db_default=RufaaNow())
    name = models.TextField()
    external_id = models.TextField(default="", db_default="")  # the referring facility's own number for the patient
    phone = models.TextField(default="", db_default="")
    payer_phone = models.TextField(default="", db_default="")  # who is asked for the money; may be another person
    email = models.TextField(default="", db_default="")
    date_of_birth = models.TextField(default="", db_default="")
    national_id = models.TextField(default="", db_default="")
    booked_date = models.TextField(default="", db_default="")
    booked_time = models.TextField(default="", db_default="")

    class Meta:
        db_table = "particulars"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(phone__regex=r"^(254[17][0-9]{8})?$"), name="particulars_phone"),
            models.CheckConstraint(
                condition=models.Q(payer_phone__regex=r"^(254[17][0-9]{8})?$"), name="particulars_payer_phone"
            ),
        ]

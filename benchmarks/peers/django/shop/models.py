"""What is kept of a push, and of a callback."""

from django.db import models


class Push(models.Model):
    checkout_request_id = models.CharField(max_length=64)
    merchant_request_id = models.CharField(max_length=64)
    phone = models.CharField(max_length=12)
    amount = models.IntegerField()
    account = models.CharField(max_length=12)
    at = models.DateTimeField(auto_now_add=True)


class Payment(models.Model):
    checkout_request_id = models.CharField(max_length=64)
    result_code = models.IntegerField()
    receipt = models.CharField(max_length=16, blank=True)
    amount = models.IntegerField(null=True)
    phone = models.CharField(max_length=12, blank=True)
    body = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

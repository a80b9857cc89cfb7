"""The callback and the push; a row each, committed before the answer."""

import json

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django_daraja.mpesa.core import MpesaClient

from shop.models import Payment, Push


@csrf_exempt
@require_POST
def callback(request: HttpRequest) -> JsonResponse:
    told = MpesaClient().parse_stk_result(request.body)
    Payment.objects.create(
        checkout_request_id=told["CheckoutRequestID"],
        result_code=told["ResultCode"],
        receipt=told.get("MpesaReceiptNumber", ""),
        amount=told.get("Amount"),
        phone=told.get("PhoneNumber", ""),
        body=request.body.decode(),
    )
    return JsonResponse({"ResultCode": 0, "ResultDesc": "Accepted"})


@csrf_exempt
@require_POST
def pay(request: HttpRequest) -> JsonResponse:
    asked = json.loads(request.body)
    answer = MpesaClient().stk_push(
        asked["phone"], asked["amount"], asked["account"], "Referral fee", settings.CALLBACK_URL
    )
    if answer.response_code != "0":
        return JsonResponse({"error": answer.error_message}, status=502)
    Push.objects.create(
        checkout_request_id=answer.checkout_request_id,
        merchant_request_id=answer.merchant_request_id,
        phone=asked["phone"],
        amount=asked["amount"],
        account=asked["account"],
    )
    return JsonResponse({"checkout": answer.checkout_request_id})

"""The two addresses."""

from django.urls import path

from shop import views

urlpatterns = [path("callback", views.callback), path("pay", views.pay)]

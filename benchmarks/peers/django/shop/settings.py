"""What ``startproject`` writes, without its pages, with PostgreSQL and django-daraja.

Connections are kept for ever, which Django's documentation calls persistent; a thread of gunicorn's has one.
"""

import os

SECRET_KEY = "of a benchmark, and of nothing else"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_daraja",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"],
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "CONN_MAX_AGE": None,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "Africa/Nairobi"
USE_TZ = True

MPESA_ENVIRONMENT = "sandbox"
MPESA_CONSUMER_KEY = os.environ["MPESA_CONSUMER_KEY"]
MPESA_CONSUMER_SECRET = os.environ["MPESA_CONSUMER_SECRET"]
MPESA_EXPRESS_SHORTCODE = os.environ["MPESA_SHORTCODE"]
MPESA_PASSKEY = os.environ["MPESA_PASSKEY"]
MPESA_BASE_URL = os.environ["MPESA_BASE_URL"]  # not django-daraja's: apps.py says what becomes of it
CALLBACK_URL = os.environ["CALLBACK_URL"]

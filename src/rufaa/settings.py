"""Django's settings, made from ``config``. Glue only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from rufaa.config import config
from rufaa.secret import derive

_config = config()

BASE_DIR = Path(__file__).parent
DEBUG = False
SECRET_KEY = derive(_config.secret_keys[0], "django").hex()
SECRET_KEY_FALLBACKS = [derive(key, "django").hex() for key in _config.secret_keys[1:]]
ALLOWED_HOSTS = ["*"]  # nothing here makes an address out of the Host header; links come from RUFAA_PUBLIC_URL

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "rufaa.db.apps.DbConfig",
    "rufaa.facilities",
    "rufaa.signin",
    "rufaa.patients",
    "rufaa.ledger",
    "rufaa.payments",
    "rufaa.ingest",
    "rufaa.referrals",
    "rufaa.functions",
    "rufaa.moving",
    "rufaa.console",
    "rufaa.paypage",
]
AUTH_USER_MODEL = "facilities.User"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
ROOT_URLCONF = "rufaa.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
_SECURE = _config.public_url.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600  # a working day; the patient's page has no session
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [_config.public_url] if _SECURE else []
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/work/"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("sw", "Kiswahili")]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None  # rufaa.log sets logging up


def _database(url: str | None) -> dict[str, Any]:
    """Django's form of a libpq address. Without one (a tool that needs no database) any use fails with a clear name."""
    given = conninfo_to_dict(url or "postgresql:///no-database-url-is-set")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", "rufaa"),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # the pool tries a connection before it hands it out, and drops a broken one
        "OPTIONS": {
            **given,
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "application_name": "rufaa",
            # Statements that come again are planned once: planning takes longer than most of them
            "server_side_binding": True,
            "prepare_threshold": 5,
            "options": "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=20s"
            " -c timezone=UTC",
            "pool": {
                "min_size": 1,
                "max_size": _config.pool_size,
                "timeout": 5,
                "max_idle": 60,
                # A pool that waits for a server doubles its pauses for as long as this, and who wants a connection
                # then starts it anew: so a server that is back is used again within seconds, however long it was away.
                "reconnect_timeout": 4,
            },
        },
    }


DATABASES = {"default": _database(_config.database_url)}

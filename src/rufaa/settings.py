"""Django's settings, made from ``config``. Glue only."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    "rufaa.audit",
    "rufaa.appointments",
    "rufaa.notices",
    "rufaa.talk",
    "rufaa.functions",
    "rufaa.moving",
    "rufaa.console",
    "rufaa.paypage",
    "django.contrib.admin.apps.SimpleAdminConfig",  # after ours, which adds to its templates
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
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ("username", "full_name", "email")}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
    )
]

# Signing in (rufaa.signin). What people prove themselves with is checked by allauth; who guesses is stopped by axes.
ACCOUNT_ADAPTER = "rufaa.signin.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]  # never shown: nobody signs up
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",  # a hospital has one address
    "login_failed": "5/5m/key",  # of second factors; passwords are counted by axes
}
ACCOUNT_LOGOUT_REDIRECT_URL = "/sign-in/"
MFA_ADAPTER = "rufaa.signin.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Rufaa"
MFA_TOTP_TOLERANCE = 1  # cheap phones are half a minute off
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # nobody can lock out a colleague who sits elsewhere
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the wait that is told is the wait
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "rufaa.signin.guessing.name_of"
AXES_CLIENT_IP_CALLABLE = "rufaa.signin.guessing.address_of"
AXES_LOCKOUT_CALLABLE = "rufaa.signin.pages.locked"
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
                "rufaa.console.bar.bar",
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
CSRF_TRUSTED_ORIGINS = [f"https://{urlsplit(_config.public_url).netloc}"] if _SECURE else []
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/work/"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# What is sent with a form. The gateway lets no larger body come here at all (gateway/bodies.py).
FILE_UPLOAD_HANDLERS = [
    "rufaa.console.uploads.Bounded",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

_EMAIL = _config.email
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _EMAIL else 'dummy'}.EmailBackend"
EMAIL_TIMEOUT = 10
if _EMAIL is not None:
    EMAIL_HOST, EMAIL_PORT = _EMAIL.host, _EMAIL.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _EMAIL.user, _EMAIL.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _EMAIL.tls, _EMAIL.starttls
    DEFAULT_FROM_EMAIL = _EMAIL.sender
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shared_count"}}

MESSAGE_TAGS = {30: "wait", 40: "bad"}  # warning, error: as the style sheet calls them

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("sw", "Kiswahili")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None  # rufaa.log sets logging up


def _database(url: str | None) -> dict[str, Any]:
    """Django's form of a libpq address. Without one (a tool that needs no database) any use fails with a clear name."""
    given = conninfo_to_dict(url or "postgresql:///no-database-url-is-set")
    return {
        "ENGINE": "rufaa.db.pooled",  # looks at a connection before it hands it out, and drops a broken one
        "NAME": given.pop("dbname", "rufaa"),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,  # Django's would ask PostgreSQL each time
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
                "max_idle": 20,  # of those that nobody needed for so long, one is closed; each takes some 8 MB
                # A pool that waits for a server doubles its pauses for as long as this, and who wants a connection
                # then starts it anew: so a server that is back is used again within seconds, however long it was away.
                "reconnect_timeout": 4,
            },
        },
    }


DATABASES = {"default": _database(_config.database_url)}

"""The settings and the secrets, as they are given: every one that is wrong, not the first alone. No secret is shown."""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from rufaa.cli import production
from rufaa.cli.diagnosis.finding import Finding, not_checked, ok, problem, warning
from rufaa.cli.diagnosis.hidden import SECRET_SETTINGS
from rufaa.config import ENV_FILE, SECRET_FILE, SETTINGS, Config, Mode, load
from rufaa.daraja.settings import SETTING_NAMES
from rufaa.errors import InvalidSetting
from rufaa.secret import derive

_KNOWN: Final = {*SETTINGS, *SETTING_NAMES, "RUFAA_SIMULATOR_URL", "RUFAA_DIE_WITH_PARENT"}
_SHORTEST: Final = 32


@dataclass(frozen=True, slots=True)
class Given:
    """What the other checks go on with: bad settings are left out, and take their defaults."""

    config: Config
    bad: tuple[str, ...]  # the settings that were left out
    keys: tuple[str, ...]  # empty: there is none yet, or it cannot be read


def settings(environ: Mapping[str, str]) -> tuple[Given, list[Finding]]:
    """Read everything that is set. Makes no key and no folder."""
    left, bad, found = dict(environ), list[str](), list[Finding]()
    while True:
        try:
            config = load(left)
            break
        except InvalidSetting as error:
            name = (re.match(r"[A-Z_]+", error.message) or [""])[0]
            if not left.pop(name, ""):
                raise  # it names nothing that is set: not ours to repair
            bad.append(name)
            found.append(problem("settings", error.message, f"Correct {name} in the environment or in .env."))
    if not bad:
        count = sum(1 for name in _KNOWN if environ.get(name))
        found.append(ok("settings", f"{count} are set, and all can be used; the others have their defaults."))
    found += _unknown(environ)
    found.append(_mode(config))
    found += [
        problem(each.code, each.found, each.do)
        for each in production.of_settings(config)
        if each.code not in {"public-url", "weak-secret-key"}  # looked at below, and with the public address
    ]
    keys, more = _secrets(config, given="RUFAA_SECRET_KEYS" not in bad)
    more += _env_file(Path(ENV_FILE), config.mode)
    return Given(config, tuple(bad), keys), found + more


def _unknown(environ: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for name in sorted(environ):
        if name.startswith(("RUFAA_", "MPESA_")) and name not in _KNOWN and environ[name]:
            near = difflib.get_close_matches(name, sorted(_KNOWN), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            found.append(
                warning(
                    "unknown-setting", f"{name} is not a setting of Rufaa, and is not read.", f"Take it away.{hint}"
                )
            )
    return found


def _mode(config: Config) -> Finding:
    match config.mode:
        case Mode.PRODUCTION:
            return ok("mode", "production: people sign in by token, and nothing of the demo is taken.")
        case Mode.DEVELOPMENT:
            return warning(
                "mode",
                "development: the simulator, demo data and keys that can be guessed are taken.",
                "Set RUFAA_MODE=production before real people use it.",
            )
        case Mode.DEMO:
            return warning(
                "mode",
                "demo: anybody can be anybody.",
                "Use it for trying alone; take RUFAA_MODE away for anything else.",
            )


def _secrets(config: Config, *, given: bool) -> tuple[tuple[str, ...], list[Finding]]:
    path = config.data / SECRET_FILE
    if not given:
        return (), [not_checked("secret-keys", "RUFAA_SECRET_KEYS cannot be used.")]
    if config.given_secret_keys:
        keys = tuple(key.strip() for key in config.given_secret_keys.split(","))
        found = [_several(keys)]
        if path.exists():
            found.append(ok("secret-file", f"{path} is there and not used, since RUFAA_SECRET_KEYS is set."))
    else:
        keys, found = _file(path)
    if any(production.is_weak(key) for key in keys):
        # made here only where nothing refuses it, so that both speak with one voice
        told = "A key can be guessed: it is a placeholder, a repetition, or has few different characters."
        do = "Make one with 'openssl rand -hex 32'; docs/operate/running.md says how to change it."
        make = problem if config.mode is Mode.PRODUCTION else warning
        found.append(make("weak-secret-key", told, do))
    return keys, found


def _env_file(path: Path, mode: Mode) -> list[Finding]:
    """The file of the settings, where secrets stand in it. A group may be let in on purpose; everybody never is."""
    try:
        rights = stat.S_IMODE(path.stat().st_mode)
        named = [
            name for name in (*SECRET_SETTINGS, "RUFAA_SECRET_KEYS", "DATABASE_URL") if dotenv_values(path).get(name)
        ]
    except OSError:
        return []
    if not named:
        return []
    here = path.absolute()
    if not rights & 0o007:
        return [ok("secret-file", f"{here} has secrets, and is closed to others (mode {rights:04o}).")]
    make = problem if mode is Mode.PRODUCTION else warning
    told = f"{here} has secrets, and everybody on this machine can read it (mode {rights:04o})."
    return [make("secret-file", told, f"Run: chmod 600 '{here}'")]


def _several(keys: tuple[str, ...]) -> Finding:
    mark = f"its mark is {mark_of(keys[0])}, the same on every node"
    if len(set(keys)) < len(keys):
        return warning("secret-keys", "RUFAA_SECRET_KEYS has one key twice.", "Take one of them away.")
    if len(keys) == 1:
        return ok("secret-keys", f"One key, from RUFAA_SECRET_KEYS; {mark}.")
    return ok(
        "secret-keys",
        f"{len(keys)} keys, from RUFAA_SECRET_KEYS. The first makes what is new ({mark}); the others open and check.",
    )


def _file(path: Path) -> tuple[tuple[str, ...], list[Finding]]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return (), [not_checked("secret-keys", f"There is none yet: the first start makes one in {path}.")]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        return (), [problem("secret-file", f"{path} cannot be read: {why}.", "Run it as the server's own account.")]
    found: list[Finding] = []
    if mode & 0o077:
        found.append(
            problem("secret-file", f"{path} can be read by others (mode {mode:04o}).", f"Run: chmod 600 '{path}'")
        )
    else:
        found.append(ok("secret-file", f"{path} is its owner's alone (mode {mode:04o})."))
    if len(key) < _SHORTEST:
        found.append(
            problem("secret-keys", f"{path} is damaged.", "Restore it from a backup: without it nothing can be opened.")
        )
        return (), found
    found.insert(
        0, ok("secret-keys", f"One key, from {path}; its mark is {mark_of(key)}. Keep a copy of it elsewhere.")
    )
    return (key,), found


def mark_of(key: str) -> str:
    """Eight digits by which two nodes can be compared; nothing leads back from them to the key."""
    return derive(key, "mark").hex()[:8]

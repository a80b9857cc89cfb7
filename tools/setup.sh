#!/bin/sh
# Sets up the virtual environment: `setup.sh server` for what runs Rufaa, `dev` also for what tests it, `uv` for uv alone;
# `bench` for the peers that Rufaa is measured against, without Rufaa: give it a VENV of its own.
#
# Says nothing where all is in place, one line where it has work to do, one line where it cannot. An environment for
# `dev` serves `server`, too. When interrupted it starts anew the next time: the stamp is written last.
#
# PYTHON       the Python to make it with. Default: the first of python3, python3.14 … python3.11 that is new enough
# VENV         where. Default: .venv
# RUFAA_SETUP  `skip` leaves everything as it is: for those who bring an environment of their own
set -eu

cd "$(dirname "$0")/.."
level=$1
venv=${VENV:-.venv}
python=$venv/bin/python
stamp=$venv/.rufaa-setup

if [ "${RUFAA_SETUP:-}" = skip ]; then exit 0; fi
if [ "$level" = server ] && [ -e "$venv/bin/pytest" ]; then level=dev; fi

fail() {
    echo "rufaa: $1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# What the environment is made from; the working directory because its programs hold absolute paths.
inputs() {
    echo "$level"
    pwd
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null || echo "no Python"
    cat pyproject.toml requirements/*.txt
}

is_made() {
    [ -e "$stamp" ] && [ "$(inputs | cksum)" = "$(cat "$stamp")" ]
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "there is no $PYTHON. PYTHON=… names the Python to use."
        new_enough "$PYTHON" || fail "$PYTHON is $("$PYTHON" -V 2>&1); Rufaa needs Python 3.11 or newer."
        base=$PYTHON
        return
    fi
    for base in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$base" >/dev/null && new_enough "$base"; then return; fi
    done
    if command -v python3 >/dev/null; then
        fail "python3 is $(python3 -V 2>&1); Rufaa needs Python 3.11 or newer. PYTHON=… names another: make demo PYTHON=python3.12"
    fi
    fail "there is no python3. Install it: apt install python3 python3-venv"
}

check_venv_can_be_made() {
    find_python
    "$base" -c 'import ensurepip, venv' 2>/dev/null || {
        version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "Python's venv module is missing. Install it: apt install python3-venv (or python$version-venv)"
    }
    if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        fail "$venv exists and is no virtual environment; move it away."
    fi
}

# A given PYTHON that is another one than the environment's wants a new environment.
is_other_python() {
    [ -n "${PYTHON:-}" ] && ask='import sys; print(sys.version, sys.base_prefix)' &&
        [ "$("$PYTHON" -c "$ask" 2>/dev/null)" != "$("$python" -c "$ask" 2>/dev/null)" ]
}

if is_made && ! is_other_python; then exit 0; fi

# One at a time. What we start holds the lock, too: a download that outlives us is waited for.
exec 9<tools/setup.sh
if command -v flock >/dev/null && ! flock -n 9; then
    echo "rufaa: another set-up of $venv is running; waiting for it." >&2
    flock 9
fi
if is_made && ! is_other_python; then exit 0; fi

case $level in
    uv) what="uv" ;;
    server) what="what Rufaa needs" ;;
    dev) what="what Rufaa and its tests need" ;;
    bench) what="the peers of the benchmarks" ;;
    *) fail "setup.sh knows uv, server, dev and bench, not $level." ;;
esac
base=
if ! new_enough "$python" || is_other_python || ! "$python" -m pip --version >/dev/null 2>&1; then
    check_venv_can_be_made
fi
if [ -n "$base" ]; then
    echo "rufaa: setting up $venv with $what, locked by hash. This is done once, and takes a minute." >&2
else
    echo "rufaa: bringing $venv up to date with $what." >&2
fi
trap 'status=$?; [ $status = 0 ] || echo "rufaa: the set-up did not come to its end; the next make takes it up again." >&2' EXIT
rm -f "$stamp"
if [ -n "$base" ]; then
    rm -rf "$venv"
    "$base" -m venv "$venv"
fi
"$python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/uv.txt
if [ "$level" = uv ]; then exit 0; fi
"$python" -m uv pip sync --quiet --python "$python" --require-hashes "requirements/$level.txt"
# Rufaa itself, from here and from what is installed now: no network.
if [ "$level" != bench ]; then
    "$python" -m uv pip install --quiet --python "$python" --offline --no-deps --no-build-isolation --editable .
fi
inputs | cksum >"$stamp"

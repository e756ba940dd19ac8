#!/usr/bin/env bash
# Sets up .venv for the Makefile: `setup.sh run` (what a job needs), `setup.sh dev` (and what tests need),
# `setup.sh browser` (Chromium for the browser tests), `setup.sh trainer` (PyTorch for those of the trainer).
# Says in one line what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv

fail() { printf '%s\n' "$1" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

find_python() {
    if [[ -n "${PYTHON:-}" ]]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON: expected Python 3.11, 3.12 or 3.13; found $("$PYTHON" --version 2>&1 || true)"
        printf '%s' "$PYTHON"
        return
    fi
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if fits "$name"; then printf '%s' "$name"; return; fi
    done
    fail "No Python 3.11 to 3.13 found. Install one (Debian: apt-get install python3 python3-venv) or set PYTHON=/path/to/python."
}

need_space() { # need_space <kilobytes> <in words>
    local free
    free=$(df -Pk . | awk 'NR == 2 { print $4 }')
    ((free >= $1)) || fail "Expected $2 of free disk space in $PWD, found $((free / 1024)) MB. Free some and start again."
}

make_venv() {
    if [[ -x $venv/bin/python ]] && fits $venv/bin/python; then return; fi
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module. Install it (Debian: apt-get install python3-venv) and start again."
    rm -rf $venv
    "$python" -m venv $venv
}

install() { # install <extras> <stamp>
    $venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".$1" ||
        fail "pip could not install the packages; its message is above."
    touch "$venv/$2"
}

browser() {
    if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then return; fi
    local sudo=()
    if [[ $(id -u) -ne 0 ]]; then sudo=(sudo -n); fi
    if command -v apt-get >/dev/null && "${sudo[@]}" true 2>/dev/null; then
        echo "Installing chromium and chromium-driver for the browser tests (apt-get)."
        "${sudo[@]}" apt-get install -y -qq chromium chromium-driver >/dev/null 2>&1 ||
            { "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq chromium chromium-driver; } >/dev/null 2>&1 || true
    fi
    command -v chromium >/dev/null && command -v chromedriver >/dev/null ||
        echo "The browser tests need chromium and chromedriver (Debian: apt-get install chromium chromium-driver); they will be skipped."
}

trainer() { # the tests of the trainer skip without PyTorch, so that a slow line or a small disk stops nothing else
    if $venv/bin/python -c 'import tensorboard, torch' 2>/dev/null; then return; fi
    # named as in the extra `trainer`: installing `.` again would take it away for a moment from what runs beside
    local pip=("$venv/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt tensorboard torch)
    echo "Installing PyTorch for the trainer's tests, in at most 15 minutes. Plain PyPI gives the CUDA build of several GB;"
    echo "the CPU build of 0.2 GB comes with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu."
    timeout 900 "${pip[@]}" ||
        echo "PyTorch could not be installed (pip's message is above); the trainer's tests will be skipped."
}

case "${1:-}" in
    run)
        need_space 3000000 "3 GB"
        make_venv
        echo "Installing about 60 packages (0.8 GB on disk) into $venv; this happens once."
        install "" .run-stamp
        ;;
    dev)
        need_space 3000000 "3 GB"
        make_venv
        echo "Installing about 115 packages (1.5 GB on disk) for the job and its tests into $venv; this happens once."
        install "[dev]" .run-stamp
        touch $venv/.dev-stamp
        ;;
    browser) browser ;;
    trainer) trainer ;;
    *) fail "usage: infra/setup.sh run | dev | browser | trainer" ;;
esac

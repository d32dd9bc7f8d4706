# Finds or makes the Python environment of this checkout; sourced by train.sh and tests/run.sh.
#
#   ensure_environment [EXTRA...]    sets PYTHON to an interpreter in which ragen_tsr[EXTRA,...] of this checkout is installed
#
# The active environment is used if it has that. Otherwise .venv in the checkout is made, or completed, from
# config/constraints/cpu.txt. pip runs with whatever index the user has configured. A stamp in .venv records what it was
# installed from, so that a second call installs nothing.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CONSTRAINTS="$ROOT/config/constraints/cpu.txt"
VENV="$ROOT/.venv"

say() { printf '%s\n' "ragen_tsr: $*" >&2; }

# has_package PYTHON [EXTRA...]: is this checkout installed there, with every requirement of the extras met?
has_package() {
    local python="$1"
    shift
    (cd / && env -u PYTHONPATH "$python" - "$ROOT" "$@" >/dev/null 2>&1) <<'PY'
import importlib.metadata as metadata
import importlib.util
import pathlib
import sys

from packaging.requirements import Requirement

root, extras = pathlib.Path(sys.argv[1]), sys.argv[2:]
spec = importlib.util.find_spec("ragen_tsr")
if spec is None or root not in pathlib.Path(spec.origin).resolve().parents:
    sys.exit(1)
for text in metadata.requires("ragen_tsr") or []:
    requirement = Requirement(text)
    marker = requirement.marker
    if marker is not None and not any(marker.evaluate({"extra": extra}) for extra in ["", *extras]):
        continue
    if not requirement.specifier.contains(metadata.version(requirement.name), prereleases=True):
        sys.exit(1)
PY
}

# A stamp changes when anything that decides what is installed changes.
fingerprint() {
    "$1" - "$ROOT/setup.py" "$ROOT/pyproject.toml" "$CONSTRAINTS" <<'PY'
import hashlib
import pathlib
import sys

print(hashlib.sha256(b"\0".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])).hexdigest())
PY
}

# The first interpreter of a version that setup.py allows.
base_python() {
    local candidate
    for candidate in ${PYTHON_FOR_VENV:-python3 python3.11 python3.12 python3.10 python}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "needs Python 3.10, 3.11 or 3.12; python3 here is $(python3 --version 2>&1 || true)."
    say "Install one of them, or name one: PYTHON_FOR_VENV=/path/to/python3.11"
    return 1
}

ensure_environment() {
    local extras=("$@") active wanted spec base started
    for active in python python3; do
        if has_package "$active" ${extras[@]+"${extras[@]}"}; then
            PYTHON="$active"
            return
        fi
    done

    PYTHON="$VENV/bin/python"
    spec="$(IFS=,; printf '%s' "${extras[*]-}")"
    if [ -x "$PYTHON" ]; then
        wanted="$(fingerprint "$PYTHON")"
        if [ -f "$VENV/installed${spec:+-$spec}" ] && [ "$(cat "$VENV/installed${spec:+-$spec}")" = "$wanted" ]; then
            return
        fi
    else
        base="$(base_python)"
        say "making .venv with $("$base" --version 2>&1)"
        if ! "$base" -m venv "$VENV"; then
            rm -rf "$VENV"
            say "python -m venv failed; on Debian and Ubuntu it needs the package python3-venv"
            return 1
        fi
        wanted="$(fingerprint "$PYTHON")"
    fi

    started=$SECONDS
    say "installing into .venv (once): pip and setuptools"
    "$PYTHON" -m pip install --quiet --quiet --disable-pip-version-check --upgrade pip 'setuptools>=77'
    say "installing into .venv (once): torch"
    "$PYTHON" -m pip install --quiet --quiet --disable-pip-version-check -c "$CONSTRAINTS" torch
    say "installing into .venv (once): ragen_tsr${spec:+[$spec]} and what it needs"
    "$PYTHON" -m pip install --quiet --quiet --disable-pip-version-check --no-build-isolation -c "$CONSTRAINTS" \
        -e "$ROOT${spec:+[$spec]}"
    printf '%s\n' "$wanted" >"$VENV/installed${spec:+-$spec}"
    printf '%s\n' "$wanted" >"$VENV/installed"
    say "installed in $((SECONDS - started)) s, $(du -sh "$VENV" | cut -f1)"
}

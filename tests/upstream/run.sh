#!/usr/bin/env bash
# All proofs on the real upstream RAGEN, without a GPU: bash tests/upstream/run.sh CHECKOUT [PART...]
#
# CHECKOUT: a clone of mll-lab-nu/RAGEN at the pinned commit (docs/patches.md); it is left as it is.
# PART:     any of those below; all of them if none is given. COMPARE_SEED=N repeats the random cases of one run.
# Makes the Python environments on first use: .venv (config/environment.sh), and .venv-upstream, which adds what
# upstream imports to it (config/constraints/upstream-cpu.txt). Upstream's WebShop needs more (docs/webshop.md); where that
# is missing, live and environments say so and leave it out. Exit status 0 only if every part passed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../config/environment.sh"

PARTS=(live environments patches training)
usage="usage: bash tests/upstream/run.sh CHECKOUT [${PARTS[*]}]"
if [ $# -eq 0 ]; then
    say "$usage"
    exit 2
fi
if ! CHECKOUT="$(git -C "$1" rev-parse --show-toplevel 2>/dev/null)"; then
    say "$1 is no git checkout; $usage"
    exit 2
fi
shift
for part in "$@"; do
    case " ${PARTS[*]} " in
        *" $part "*) ;;
        *) say "no part $part; $usage"; exit 2 ;;
    esac
done
[ $# -eq 0 ] || PARTS=("$@")

# Is everything there that upstream's environments import?
has_upstream_packages() {
    "$1" -c 'import gym, gym_sokoban, gymnasium' >/dev/null 2>&1
}

# Sets PYTHON to an interpreter that has the packages of $PYTHON and those of upstream-cpu.txt.
add_upstream_packages() {
    local list="$ROOT/config/constraints/upstream-cpu.txt" venv="$ROOT/.venv-upstream" base wanted
    if has_upstream_packages "$PYTHON"; then
        return
    fi
    base="$("$PYTHON" -c 'import sys; print(sys.executable)')"
    wanted="$(fingerprint "$base") $base"
    PYTHON="$venv/bin/python"
    if [ -f "$venv/installed" ] && [ "$(cat "$venv/installed")" = "$wanted" ] && cmp -s "$list" "$venv/list"; then
        return
    fi
    say "installing into .venv-upstream (once): what upstream imports beside the packages of $base"
    rm -rf "$venv"
    "$base" -m venv "$venv"
    "$base" - "$venv" <<'PY'
import pathlib
import sys
import sysconfig

(packages,) = pathlib.Path(sys.argv[1]).glob("lib/python3*/site-packages")
(packages / "base.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
PY
    "$PYTHON" -m pip install --quiet --quiet --disable-pip-version-check --no-deps -r "$list"
    cp "$list" "$venv/list"
    printf '%s\n' "$wanted" >"$venv/installed"
}

ensure_environment dev
add_upstream_packages
cd "$ROOT"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" RAGEN_HOME="$CHECKOUT"

live() {
    "$PYTHON" tests/upstream/live/compare.py "$CHECKOUT" ${COMPARE_SEED:+--seed "$COMPARE_SEED"}
}
environments() {
    "$PYTHON" tests/upstream/environments.py "$CHECKOUT"
}
patches() {
    env -u RAGEN_HOME "$PYTHON" tests/patches/proof.py "$CHECKOUT"
}
training() {
    "$PYTHON" tests/upstream/training.py "$CHECKOUT"
}

failed=()
for part in "${PARTS[@]}"; do
    started=$SECONDS
    say "$part"
    if "$part"; then
        say "$part: passed in $((SECONDS - started)) s"
    else
        say "$part: FAILED after $((SECONDS - started)) s"
        failed+=("$part")
    fi
done
say "$((${#PARTS[@]} - ${#failed[@]})) of ${#PARTS[@]} parts passed${failed[*]:+; failed: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]

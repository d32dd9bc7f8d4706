"""``python tests/patches/proof.py CHECKOUT [--train|--without-ray]``: the patches, on upstream's own code.

CHECKOUT is a clone of mll-lab-nu/RAGEN that has the pinned commit; it is left as it is, a clone of it in a temporary
folder is worked on. Shows that ``patches/apply.py`` applies, checks and undoes to the byte, that only insertions result
and fewer than :data:`MOST_LINES`, that upstream's own tests which pass before also pass after, that upstream's
configuration takes the same search keys as ours to the same effect, and that its own ``train.py`` starts with them.
With ``--train`` also that it trains two steps with beam search where there is no accelerator.

Exit status 0 if all of it holds, 1 otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from rich.console import Console

from ragen_tsr.backend import CHOICE_VARIABLE, HOME_VARIABLE, RAGEN_COMMIT
from ragen_tsr.config import CONFIG_DIR, parse
from ragen_tsr.config import compose as compose_ours
from ragen_tsr.platform import has_accelerator
from ragen_tsr.upstream.search_keys import keep_methods_own

ROOT = Path(__file__).resolve().parents[2]
WITH_RAY, WITHOUT_RAY = "--train", "--without-ray"
"""Train, too; without Ray: with the workers in one process (see train_without_ray.py), all else is the same."""
MOST_LINES = 40
SLOTS = "es_manager.train.group_size=16"
SEARCHES = (
    ["search.name=none"],
    ["search.name=best_of_n"],
    ["search.name=best_of_n", "search.N=20", "search.slots=8"],
    ["search.name=beam"],
    ["search.name=beam", "search.M=8", "search.B=3", "search.rank_by=last", "env_noise=common", "run_seed=5"],
    ["search.name=lookahead", "search.D=3", "search.inner=1", "search.redraw=true"],
)
REFUSED = (["search.name=none", "search.M=8"], ["search.name=bream"], ["search.width=3"])
"""What upstream's configuration must take as ours does, and what both refuse."""

TRAINING = (
    "search.name=beam",
    "es_manager.train.env_configs.tags=[SimpleSokoban]",
    "es_manager.train.env_configs.n_groups=[2]",
    "es_manager.train.env_groups=2",
    "es_manager.train.group_size=4",
    "es_manager.val.env_configs.tags=[SimpleSokoban]",
    "es_manager.val.env_configs.n_groups=[4]",
    "es_manager.val.env_groups=4",
    "ppo_mini_batch_size=4",
    "micro_batch_size_per_gpu=4",
    "actor_rollout_ref.actor.use_ref=false",
    "trainer.total_training_steps=2",
    "trainer.val_before_train=false",
    "trainer.test_freq=2",
    "trainer.save_freq=2",
    "trainer.logger=[console]",
    "++trainer.resume_mode=disable",
)
"""Upstream's own Sokoban task, small."""

console = Console(highlight=False, soft_wrap=True)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit status."""
    checkouts = [argument for argument in arguments if argument not in (WITH_RAY, WITHOUT_RAY)]
    if len(checkouts) != 1:
        console.print(f"usage: python tests/patches/proof.py CHECKOUT [{WITH_RAY}|{WITHOUT_RAY}]", markup=False)
        return 2
    for variable in (HOME_VARIABLE, CHOICE_VARIABLE):
        os.environ.pop(variable, None)  # what is ours here is what an embedded run composes
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "RAGEN"
        clone(Path(checkouts[0]).resolve(), checkout)
        try:
            prove(checkout, [word for word in arguments if word not in checkouts])
        except AssertionError as error:
            console.print(f"FAILED: {error}", markup=False, style="red")
            return 1
    return 0


def prove(checkout: Path, training: list[str]) -> None:
    """Everything, on a clean clone at the pin.

    Raises:
        AssertionError: Something does not hold; says what.
    """
    untouched = contents(checkout)
    passed_before = passing_tests(checkout)
    assert passed_before, "none of upstream's own tests passes before the patches"
    faults = keys_refused(checkout, ["search.name=beam"])
    assert faults, "upstream has search keys of its own"

    apply(checkout, "--check")
    apply(checkout)
    apply(checkout)
    apply(checkout, "--check")
    stat = git(checkout, "diff", "--numstat").splitlines()
    inserted, removed = (sum(int(line.split("\t")[column]) for line in stat) for column in (0, 1))
    console.print(git(checkout, "diff", "--stat"), markup=False)
    assert removed == 0, f"{removed} lines removed"
    assert 0 < inserted < MOST_LINES, f"{inserted} lines inserted"

    same_search_keys(checkout)
    own_train_script(checkout)
    for word in training:
        own_training(checkout, with_ray=word == WITH_RAY)
    passed_after = passing_tests(checkout)
    lost = sorted(passed_before - passed_after)
    assert not lost, f"pass before the patches and not after: {', '.join(lost)}"
    console.print(f"upstream's own tests: {len(passed_before)} pass before, {len(passed_after)} after", markup=False)

    apply(checkout, "--undo")
    assert contents(checkout) == untouched, "the tree is not what it was"
    assert git(checkout, "status", "--porcelain") == "", "git finds changes"
    console.print(f"undone: {len(untouched)} files as they were, byte for byte", markup=False)


def same_search_keys(checkout: Path) -> None:
    """What upstream's configuration makes of search keys is what ours makes of them."""
    for overrides in SEARCHES:
        theirs = composed(checkout, [*overrides, SLOTS])
        keep_methods_own(theirs)
        method = overrides[0].partition("=")[2]
        ours = compose_ours(parse(["sokoban", method, *overrides[1:], SLOTS]))
        for key in ("search", "env_noise", "run_seed", "env_engine"):
            their, our = plain(theirs[key]), plain(ours[key])
            assert their == our, f"{' '.join(overrides)}: {key} is {their} in upstream, {our} in ours"
    for overrides in REFUSED:
        assert keys_refused(checkout, overrides), f"{' '.join(overrides)} is not refused"
    console.print(f"search keys: {len(SEARCHES)} settings as ours, {len(REFUSED)} refused", markup=False)


def own_train_script(checkout: Path) -> None:
    """Upstream's own ``train.py`` starts on this machine and takes the keys."""
    overrides = ["search.name=beam", "search.M=8", "env_noise=independent", "run_seed=5"]
    said = python(checkout, "train.py", "--config-name", "_2_sokoban", "--cfg", "job", *overrides)
    first_key = re.search(r"^\w+:$", said, re.MULTILINE)  # upstream's imports print lines before it
    assert first_key is not None, f"train.py shows no configuration: {said[-1000:]}"
    config: Any = OmegaConf.create(said[first_key.start() :])
    found = (config.search.name, config.search.M, config.env_noise, config.run_seed)
    assert found == ("beam", 8, "independent", 5), f"train.py has {found}"
    console.print(f"python train.py --config-name _2_sokoban {' '.join(overrides)}: starts", markup=False)


def own_training(checkout: Path, with_ray: bool) -> None:
    """Upstream's own ``train.py`` trains two steps with search on this machine, if that has no accelerator."""
    if has_accelerator():
        console.print("training with train.py on a CPU: skipped, this machine has an accelerator", markup=False)
        return
    with tempfile.TemporaryDirectory() as folder:
        words = ["--config-name", "_2_sokoban", *TRAINING, *cpu_overrides()]
        # The policy is made for upstream's prompts, so that it answers as they ask.
        build = "from ragen_tsr.models import tiny; print(tiny.ensure_tiny(tiny.default_config('sokoban')))"
        policy = python(checkout, "-c", build, RAGEN_HOME=str(checkout)).splitlines()[-1]
        script = "train.py" if with_ray else str(ROOT / "tests" / "patches" / "train_without_ray.py")
        said = python(checkout, script, *words, f"model_path={policy}", f"++trainer.default_local_dir={folder}")
        steps = {number: line for number in (1, 2) for line in said.splitlines() if f"step:{number} - " in line}
    assert len(steps) == 2, f"train.py logged {len(steps)} steps of 2: {said[-3000:]}"
    for number, line in steps.items():
        logged = dict(re.findall(r"(\S+):(\S+) - ", f"{line} - "))
        for key in ("train/search/nodes", "actor/pg_loss", "actor/grad_norm", "critic/grad_norm"):
            assert any(name.startswith(key) for name in logged), f"step {number} logs no {key}, but {line[-3000:]}"
        assert float(logged["actor/grad_norm"]) > 0, f"step {number} learns nothing: {line[-3000:]}"
    console.print(
        f"python train.py {' '.join(words)}: two steps with search{'' if with_ray else ', in one process'}",
        markup=False,
    )


def cpu_overrides() -> list[str]:
    """Our ``scale=cpu`` as words for upstream's ``train.py``, which trains with FSDP's first version alone."""

    def flat(values: dict[str, Any], above: str = "") -> list[str]:
        words = []
        for key, value in values.items():
            name = f"{above}{key}"
            words += flat(value, f"{name}.") if isinstance(value, dict) else [f"++{name}={str(value).lower()}"]
        return words

    scale: Any = OmegaConf.to_container(OmegaConf.load(CONFIG_DIR / "scale" / "cpu.yaml"))
    return [
        word.replace("fsdp2", "fsdp") for word in flat({key: scale[key] for key in ("actor_rollout_ref", "critic")})
    ]


def keys_refused(checkout: Path, overrides: list[str]) -> str:
    """Why upstream's configuration does not take these overrides; empty if it does."""
    try:
        keep_methods_own(composed(checkout, overrides))
    except (HydraException, ValueError) as error:
        return str(error)
    return ""


def plain(value: Any) -> Any:
    """A value of a configuration without interpolations."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def composed(checkout: Path, overrides: list[str]) -> Any:
    """Upstream's configuration of its Sokoban task."""
    GlobalHydra.instance().clear()
    warnings.filterwarnings("ignore", message="In '_2_sokoban'", category=UserWarning)
    with initialize_config_dir(str(checkout / "config"), version_base=None):
        return compose("_2_sokoban", overrides=overrides)


def passing_tests(checkout: Path) -> set[str]:
    """The tests of upstream's own that pass; those that cannot be collected do not."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "tests.xml"
        words = ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", f"--junitxml={report}"]
        python(checkout, "-m", "pytest", "tests", *words, may_fail=True)
        cases = ElementTree.parse(report).getroot().iter("testcase")
        return {f"{case.get('classname')}.{case.get('name')}" for case in cases if len(case) == 0}


def clone(source: Path, target: Path) -> None:
    """A clean work tree at the pin, without the documents and pictures, which a shallow or partial clone may lack."""
    subprocess.run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(source), str(target)], check=True)
    git(target, "sparse-checkout", "set", "--no-cone", "/*", "!/*.pdf", "!/public/")
    git(target, "checkout", "--quiet", RAGEN_COMMIT)


def contents(checkout: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and permissions of everything that git knows of, or would."""
    names = git(checkout, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    files = {name: checkout / name for name in names}
    return {name: (file.read_bytes(), file.stat().st_mode) for name, file in files.items() if file.is_file()}


def apply(checkout: Path, *words: str) -> None:
    """Run the tool."""
    said = python(ROOT, "patches/apply.py", str(checkout), *words)
    console.print(f"apply.py CHECKOUT {' '.join(words)}".rstrip() + f": {said.strip()}", markup=False)


def git(checkout: Path, *arguments: str) -> str:
    """What a git command prints."""
    done = subprocess.run(["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout.rstrip("\n")


def python(folder: Path, *arguments: str, may_fail: bool = False, **variables: str) -> str:
    """What a Python process in ``folder`` prints; it finds this project."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert may_fail or done.returncode == 0, f"{' '.join(arguments)}: {(done.stderr or done.stdout)[-3000:].strip()}"
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

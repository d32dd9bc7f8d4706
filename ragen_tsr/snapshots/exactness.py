"""The test that every registered snapshotter has to pass: branching leaves no trace.

Decides what *exact* means (:func:`identical` outcomes and states after restoring) and which branches are
tried. Leaves to the test module which environment, configuration and actions: subclass
:class:`SnapshotExactness` there. Needs ``hypothesis`` (the ``dev`` extra).

.. code-block:: python

    class TestMyEnv(SnapshotExactness):
        actions = (1, 2, 3)

        def make_env(self):
            return MyEnv(MyEnvConfig(size=5))
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from .registry import Snapshotter, snapshot_for


def identical(a: Any, b: Any) -> bool:
    """Whether two values have the same types and bits all the way down (``0`` and ``0.0`` differ)."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, np.ndarray):
        if a.dtype == object:
            return a.shape == b.shape and identical(a.tolist(), b.tolist())
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, np.random.Generator):
        return identical(a.bit_generator.state, b.bit_generator.state)
    if isinstance(a, np.random.RandomState):
        return identical(a.get_state(), b.get_state())
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(identical(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(identical, a, b))
    if hasattr(a, "getstate"):  # random.Random
        return a.getstate() == b.getstate()
    return bool(a == b)


def first_difference(a: Sequence[Any], b: Sequence[Any]) -> str:
    """Where two records differ, in words; empty if they are identical."""
    for turn, (x, y) in enumerate(zip(a, b, strict=True)):
        for name in x:
            if not identical(x[name], y[name]):
                return f"after {turn} actions, {name}: {x[name]!r} became {y[name]!r}"
    return ""


class SnapshotExactness:
    """Base of a test class for one environment type; set ``actions`` and define ``make_env``."""

    actions: ClassVar[Sequence[Any]] = ()
    """What ``step`` may be given."""
    max_seed: ClassVar[int] = 2**32 - 1
    max_length: ClassVar[int] = 12
    """Longest sequence of actions before, beside and after the branch."""
    examples: ClassVar[int] = 60

    def make_env(self) -> Any:
        """A new environment; all must be made with the same configuration."""
        raise NotImplementedError(f"{type(self).__name__} must define make_env")

    def snapshotter(self, env: Any) -> Snapshotter:
        """The snapshotter under test."""
        return snapshot_for(env)

    def state_of(self, env: Any) -> Any:
        """What must be the same inside the environment; all its attributes unless overridden."""
        return dict(vars(env))

    def play(self, env: Any, actions: Sequence[Any]) -> list[dict[str, Any]]:
        """What can be seen of ``env`` now and after each action."""
        record = [{"render": env.render(), "state": self.state_of(env)}]
        for action in actions:
            observation, reward, done, info = env.step(action)
            record.append(
                {
                    "observation": observation,
                    "reward": reward,
                    "done": done,
                    "info": dict(info),
                    "render": env.render(),
                    "state": self.state_of(env),
                }
            )
        return record

    def check(self, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
        """Try random branches; ``AssertionError`` with the first difference on one that leaves a trace."""
        line = st.lists(st.sampled_from(self.actions), max_size=self.max_length)
        seed = st.integers(0, self.max_seed)

        @settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=phases,
            report_multiple_bugs=False,
        )
        @given(seed=seed, before=line, branch=line, after=line, elsewhere=st.none() | seed)
        def property_holds(seed, before, branch, after, elsewhere) -> None:
            self.check_one(seed, before, branch, after, elsewhere)

        property_holds()

    def check_one(
        self,
        seed: int,
        before: Sequence[Any],
        branch: Sequence[Any],
        after: Sequence[Any],
        elsewhere: int | None,
    ) -> None:
        """One case: ``before``, save, ``branch`` (in episode ``elsewhere`` if given), restore, ``after``."""
        untouched, env = self.make_env(), self.make_env()
        untouched.reset(seed=seed)
        self.play(untouched, before)
        expected = self.play(untouched, after)

        snapshotter = self.snapshotter(env)
        env.reset(seed=seed)
        self.play(env, before)
        snapshot = snapshotter.save(env)
        if elsewhere is not None:
            env.reset(seed=elsewhere)
        self.play(env, branch)

        stranger = self.make_env()
        stranger.reset(seed=seed if elsewhere is None else elsewhere)
        for place, target in (("the same object", env), ("another object", stranger)):
            snapshotter.restore(target, snapshot)
            if snapshotter.mergeable:
                again = snapshotter.save(target)
                assert again == snapshot, f"restored into {place}: saved again it is {again!r}, not {snapshot!r}"
                assert hash(again) == hash(snapshot), f"restored into {place}: the hash changed"
            difference = first_difference(expected, self.play(target, after))
            assert not difference, f"restored into {place}: {difference}"

    def test_branching_leaves_no_trace(self) -> None:
        """Branch, act, restore, act gives what never having branched gives, bit for bit."""
        self.check()


def replaced(snapshot: Any, field: str, value: Any) -> Any:
    """A snapshot (named tuple or frozen dataclass) with one field replaced."""
    if dataclasses.is_dataclass(snapshot) and not isinstance(snapshot, type):
        return dataclasses.replace(snapshot, **{field: value})
    return snapshot._replace(**{field: value})


class Forgetful:
    """A snapshotter that restores all but one field of the snapshot: the exactness test must fail on it."""

    reseed = None

    def __init__(self, snapshotter: Snapshotter, field: str) -> None:
        self._snapshotter, self._field = snapshotter, field
        self.mergeable = False  # a mergeable one would be found out without acting

    def save(self, env: Any) -> Any:
        """As the true snapshotter does."""
        return self._snapshotter.save(env)

    def restore(self, env: Any, snapshot: Any) -> None:
        """Restore, but leave one field as ``env`` has it now."""
        left = getattr(self._snapshotter.save(env), self._field)
        self._snapshotter.restore(env, replaced(snapshot, self._field, left))

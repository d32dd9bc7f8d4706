"""The environment registry: what it brings, and adding a task."""

import pytest

from ragen_tsr.embedded import env as envs


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    for name in ("REGISTERED_ENVS", "REGISTERED_ENV_CONFIGS"):
        monkeypatch.setattr(envs, name, dict(getattr(envs, name)))


class CounterEnv(envs.BaseDiscreteActionEnv):
    def __init__(self, config):
        self.config, self.count = config, 0

    def reset(self, seed=None, **kwargs):
        self.count = 0
        return self.render()

    def step(self, action):
        self.count += action
        return self.render(), 0, False, {}

    def render(self, mode=None):
        return str(self.count)

    def get_all_actions(self):
        return [1]


def test_sokoban_is_there_with_its_configuration():
    env = envs.REGISTERED_ENVS["sokoban"](envs.REGISTERED_ENV_CONFIGS["sokoban"](num_boxes=1))
    assert env.get_all_actions() == [1, 2, 3, 4]
    assert isinstance(env, envs.BaseDiscreteActionEnv)
    env.close()


def test_a_new_task_is_added_and_found():
    envs.register_env("counter", CounterEnv, dict)
    env = envs.REGISTERED_ENVS["counter"](envs.REGISTERED_ENV_CONFIGS["counter"](size=3))
    env.reset()
    assert env.step(2)[0] == "2"
    envs.register_env("counter", CounterEnv, dict)


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="env_type='sokoban' is already registered"):
        envs.register_env("sokoban", CounterEnv, dict)


def test_an_incomplete_environment_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        envs.BaseDiscreteActionEnv()

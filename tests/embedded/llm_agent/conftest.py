"""A scripted environment, two small tokenizers and a configuration, all without a download."""

import pytest
import yaml
from corridor import CHATML, LLAMA, WORDING, CorridorConfig, CorridorEnv, byte_tokenizer
from omegaconf import OmegaConf

from ragen_tsr.embedded.env import REGISTERED_ENV_CONFIGS, REGISTERED_ENVS


@pytest.fixture(scope="session")
def chatml():
    return byte_tokenizer(CHATML, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


@pytest.fixture(scope="session")
def llama():
    names = ["<|pad|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return byte_tokenizer(LLAMA, names)


@pytest.fixture(autouse=True)
def corridor(monkeypatch):
    """Register the scripted environment as ``corridor`` for the test."""
    monkeypatch.setitem(REGISTERED_ENVS, "corridor", CorridorEnv)
    monkeypatch.setitem(REGISTERED_ENV_CONFIGS, "corridor", CorridorConfig)


@pytest.fixture
def make_config():
    """A configuration of ``groups`` x ``size`` corridors; keyword arguments are dotted keys with ``__`` for
    dots.
    """

    def make(groups=2, size=2, **changes):
        side = {
            "env_groups": groups,
            "group_size": size,
            "env_configs": {"tags": ["Corridor"], "n_groups": [groups]},
        }
        config = OmegaConf.create(
            {
                "wording": yaml.safe_load(WORDING.read_text(encoding="utf-8")),
                "seed": {"train": 100, "val": 7},
                "es_manager": {"format_penalty": -0.1, "train": side, "val": dict(side)},
                "agent_proxy": {
                    "context_window_mode": "full",
                    "max_context_window": -1,
                    "max_turn": 3,
                    "action_sep": "||",
                    "max_actions_per_turn": 2,
                    "use_turn_scores": False,
                    "enable_think": True,
                    "reward_normalization": {"grouping": "state", "method": "identity"},
                },
                "enable_response_mask": True,
                "actor_rollout_ref": {"rollout": {"response_length": 50, "max_model_len": None}},
                "custom_envs": {
                    "Corridor": {
                        "env_type": "corridor",
                        "env_instruction": "Reach the end.",
                        "max_actions_per_traj": 4,
                        "env_config": {"goal": 3},
                    }
                },
            }
        )
        for key, value in changes.items():
            OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
        return config

    return make

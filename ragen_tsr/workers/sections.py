"""verl's sections of a configuration as verl takes them: without the keys that RAGEN keeps in them."""

from __future__ import annotations

import copy

from omegaconf import DictConfig, open_dict

DRIVER_KEYS = {
    "actor": ("use_ref", "grpo_advantage_length_weight", "filter_loss_scaling"),
    "rollout": (
        "rollout_filter_value",
        "rollout_filter_strategy",
        "rollout_filter_type",
        "rollout_filter_include_zero",
        "rollout_filter_top_p_prob_mode",
        "rollout_filter_selection_eps",
        "rollout_filter_empty_stop_steps",
        "rollout_filter_metric",
        "gradient_analysis_num_buckets",
        "gradient_analysis_bucket_mode",
    ),
}
"""RAGEN's keys inside verl's sections: the driver reads them, and verl's dataclasses refuse what they do not know."""


def for_verl(config: DictConfig) -> DictConfig:
    """A copy of ``actor_rollout_ref`` without RAGEN's own keys, and with RAGEN's choice of old log-probs."""
    config = copy.deepcopy(config)
    with open_dict(config):
        for section, keys in DRIVER_KEYS.items():
            for key in keys:
                config[section].pop(key, None)
        # verl's name for "take the ratio to the batch's old_log_probs, always".
        config.actor.use_rollout_log_probs = True
    return config

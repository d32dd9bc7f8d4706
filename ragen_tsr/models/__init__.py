"""Policies: those that need no download, and the way from a name to a folder.

Decides what `model_path` may be. Leaves making a policy to `tiny` and `smollm2`, and merging a checkpoint's shards to
`checkpoints`; they are imported on first use, because they need torch.
"""

from __future__ import annotations

from omegaconf import DictConfig

TINY, SMOLLM2 = "tiny", "smollm2"


def resolve_model(name: str, config: DictConfig | None = None) -> str:
    """What to load for `model_path`: for ``tiny`` and ``smollm2`` the folder it is made in; anything else unchanged.

    Args:
        config: the run's configuration, whose environments and prompts the tiny policy is to understand;
            Sokoban's defaults if None.

    Raises:
        ValueError: `name` is ``tiny``, and the environments have no task in `ragen_tsr.models.tasks` or
            ``tiny_strength`` does not suit it; or it is ``smollm2``, and the package with its weights is missing.
    """
    if name == TINY:
        from ragen_tsr.models.tiny import ensure_tiny

        return str(ensure_tiny(config))
    if name == SMOLLM2:
        from ragen_tsr.models.smollm2 import ensure_smollm2

        return str(ensure_smollm2())
    return name

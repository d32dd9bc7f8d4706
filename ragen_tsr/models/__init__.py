"""Policies: tiny ones that need no download, and the way from a name to a folder.

Decides what `model_path` may be. Leaves building a tiny policy to `tiny`, imported on first use
because it needs torch.
"""

from __future__ import annotations

from omegaconf import DictConfig

TINY = "tiny"


def resolve_model(name: str, config: DictConfig | None = None) -> str:
    """What to load for `model_path`: for ``tiny`` the folder it is built in; anything else unchanged.

    Args:
        config: the run's configuration, whose environments and prompts the tiny policy is to understand;
            Sokoban's defaults if None.

    Raises:
        ValueError: `name` is ``tiny``, and the environments have no task in `ragen_tsr.models.tasks`.
    """
    if name != TINY:
        return name
    from ragen_tsr.models.tiny import ensure_tiny

    return str(ensure_tiny(config))

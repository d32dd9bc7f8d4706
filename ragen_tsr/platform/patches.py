"""What verl 0.6.1 lacks on a machine without an accelerator, one named patch each.

Only what neither a config key nor a subclass can say is here. Each patch is idempotent; :func:`prepare` applies all of
them where there is no accelerator and none where there is one.

Solved elsewhere, so not patched: the process group (the workers initialise gloo before verl looks), the rollout
registry (a registration), the critic's bf16 autocast and the timing helper that gathers zero-dimensional tensors (the
workers' own methods), attention and dtypes (config keys).
"""

from __future__ import annotations

import logging
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

import psutil
import torch

from ragen_tsr.platform.device import has_accelerator, processor_name

logger = logging.getLogger(__name__)


def _memory(*_: Any, **__: Any) -> int:
    return int(psutil.Process().memory_info().rss)


def _peak_memory(*_: Any, **__: Any) -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    # The kernel updates the peak late, so it may be below what is resident now.
    return max(_memory(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _get_rng_state(*_: Any) -> torch.Tensor:
    return torch.get_rng_state()


def _set_rng_state(state: torch.Tensor, *_: Any) -> None:
    torch.set_rng_state(state)


def _manual_seed(seed: int) -> None:
    torch.manual_seed(seed)


def _device_name(*_: Any) -> str:
    return f"CPU {processor_name()}"


DEVICE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "get_rng_state": _get_rng_state,
    "set_rng_state": _set_rng_state,
    "manual_seed": _manual_seed,
    "manual_seed_all": _manual_seed,
    "memory_allocated": _memory,
    "memory_reserved": _memory,
    "max_memory_allocated": _peak_memory,
    "max_memory_reserved": _peak_memory,
    "reset_peak_memory_stats": _nothing,
    "empty_cache": _nothing,
    "get_device_name": _device_name,
}
"""What ``torch.cuda`` has, ``torch.cpu`` has not, and verl calls. Memory is the process's resident set, in bytes."""


def device_namespace() -> None:
    """Give ``torch.cpu`` the functions in :data:`DEVICE_FUNCTIONS`.

    Where: ``verl.utils.device.get_torch_device`` returns ``torch.cpu``; ``ActorRolloutRefWorker._build_rollout``,
    ``rollout_mode``, ``trainer_mode`` and ``update_actor`` then call RNG and memory functions on it. Adding to the
    module, not replacing what ``get_torch_device`` returns, needs no import order (verl binds that function by name
    in a dozen modules) and keeps verl's own ``device == torch.cpu`` checks true. A name that torch has by itself is
    left alone.
    """
    for name, function in DEVICE_FUNCTIONS.items():
        if not hasattr(torch.cpu, name):
            setattr(torch.cpu, name, function)


def load_value_model(local_path: str, torch_dtype: torch.dtype, model_config: Any, trust_remote_code: bool) -> Any:
    """A token-classification model with one label, with the attention that ``model_config`` names.

    Flash attention, which needs an accelerator, becomes torch's: upstream RAGEN asks for it whatever its own
    configuration says.

    Stands in for ``verl.utils.model.load_valuehead_model``, which asks for flash attention whatever the config says
    (twice) and, when that is not installed, ends in "please install trl".
    """
    from transformers import AutoModelForTokenClassification

    named = model_config._attn_implementation
    return AutoModelForTokenClassification.from_pretrained(
        local_path,
        torch_dtype=torch_dtype,
        config=model_config,
        attn_implementation="sdpa" if named == "flash_attention_2" else named,
        trust_remote_code=trust_remote_code,
    )


def critic_attention() -> None:
    """Load the critic with the attention of its configuration (:func:`load_value_model`).

    Where: ``CriticWorker._build_critic_model_optimizer`` imports ``load_valuehead_model`` from ``verl.utils.model``
    when it runs, so replacing the module's attribute is enough.
    """
    import verl.utils.model

    verl.utils.model.load_valuehead_model = load_value_model


def full_precision_autocast() -> None:
    """Silence the warning that autocast to fp32 is no autocast.

    Where: ``DataParallelPPOActor._forward_micro_batch`` always enters ``torch.autocast`` with the configured dtype.
    On a CPU torch supports bf16 and fp16 there, says so, and computes in fp32: what ``scale=cpu`` asks for.
    Upstream RAGEN's actor and critic enter that of CUDA, which torch turns off.
    """
    warnings.filterwarnings("ignore", message="In CPU autocast, but the target dtype is not supported")
    warnings.filterwarnings("ignore", message="CUDA is not available or torch_xla is imported")


def states_synced_on_cpu() -> None:
    """Let FSDP1 broadcast a module's state where it stands on the CPU.

    Where: verl and upstream RAGEN build FSDP1 with ``sync_module_states=True``; torch refuses that for tensors on the
    CPU, which NCCL could not send. gloo can.
    """
    from torch.distributed.fsdp import _init_utils

    _init_utils._check_module_states_for_sync_module_states = _nothing


PATCHES: tuple[Callable[[], None], ...] = (
    device_namespace,
    critic_attention,
    full_precision_autocast,
    states_synced_on_cpu,
)


def prepare() -> None:
    """Apply every patch where there is no accelerator; do nothing where there is one. May be called again."""
    if has_accelerator():
        return
    for patch in PATCHES:
        patch()
        logger.debug("applied platform patch %s", patch.__name__)

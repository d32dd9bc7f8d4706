"""How long a step takes at least: its arithmetic, and what a device must read, at the data sheet's peaks.

A floor, not a forecast; what a GPU really takes was not measured.
"""

from __future__ import annotations

from ragen_tsr.dry_run.devices import Device
from ragen_tsr.dry_run.load import Load
from ragen_tsr.dry_run.memory import BF16
from ragen_tsr.dry_run.shapes import ModelShape


def multiplications(shape: ModelShape, load: Load, critic: bool) -> float:
    """Multiplications and additions of a training step on all devices, without attention's quadratic part.

    ``2N`` a token forward and ``6N`` for an update, ``8N`` with what checkpointing computes again. Generation: every
    generated token, and each prompt once (a prompt's shared prefix comes out of the cache, so that a conversation is
    read once). Then old log-probabilities and the actor's update, values and the critic's.
    """
    network = shape.parameters
    read = load.generated_tokens + load.responses * (load.conversation_tokens - load.response_tokens) / load.turns
    return network * (2 * read + (2 + 8) * load.trained_tokens * (2 if critic else 1))


def seconds(shape: ModelShape, load: Load, device: Device, critic: bool) -> float:
    """A step at full lengths if the device did all multiplications at its peak and read, for each token position of a
    rollout, the engine's weights and the conversations' cache once at its full bandwidth: a floor, not a forecast.
    """
    context = load.conversation_tokens / 2
    position = shape.parameters * BF16 + load.rows_per_device * context * shape.cache_bytes()
    decoding = load.calls * load.response_tokens * position / device.bandwidth
    return decoding + multiplications(shape, load, critic) / (load.devices * device.flops)

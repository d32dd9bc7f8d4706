"""What a step needs of one GPU: bytes while it generates, bytes while it updates, and which devices have them.

The formulas stand at the functions. They are read from the code of verl 0.6.1 and PyTorch's FSDP and were not measured
on a GPU; a device whose memory they fill to more than nine tenths is not called large enough.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from omegaconf import DictConfig
from verl.trainer.ppo.utils import need_critic

from ragen_tsr.dry_run.devices import GIB, Device
from ragen_tsr.dry_run.load import Load
from ragen_tsr.dry_run.shapes import ModelShape

BYTES_OF = {"fp32": 4, "float32": 4, "bf16": 2, "bfloat16": 2, "fp16": 2, "float16": 2}
BF16 = 2
LOGIT_BYTES = 19
"""Of one logit in an update with an entropy term: bf16 logits and a contiguous copy, into which the gradient goes;
softmax, the entropy's products and their gradients in fp32, which autocast chooses."""
FORWARD_LOGIT_BYTES = 11
"""Of one logit where nothing is differentiated: logits, copy, softmax in fp32, and what it is multiplied with."""
PLAIN_LOGIT_BYTES = 7
"""Of one logit in an update without an entropy term: logits, copy, gradient. All three are peaks of the operators that
verl's actor calls, rounded up (``tests/dry_run/test_logit_bytes.py`` traces them)."""
GATHERED_BYTES = 8
"""Of one parameter of what FSDP gathers at a time: bf16 weight and gradient, fp32 gradient to be reduced."""
FIXED = 3 * GIB
"""CUDA context, NCCL's buffers, vLLM's captured graphs: about this much."""
USABLE = 0.9
"""Share of a device that the estimates may fill: the rest is fragmentation."""


@dataclass(frozen=True)
class Role:
    """The actor or the critic on one GPU, in bytes; FSDP shards the first three over all workers."""

    weights: int
    optimiser: int
    """Adam's two moments."""
    gradients: int
    working: int
    """While it is updated, beside the three: gathered parameters, activations, logits."""
    weights_offloaded: bool
    optimiser_offloaded: bool

    @property
    def resident(self) -> int:
        """What stays on the GPU while something else happens."""
        return self.weights * (not self.weights_offloaded) + self.optimiser * (not self.optimiser_offloaded)

    @property
    def updating(self) -> int:
        """What its own update takes."""
        return self.weights + self.optimiser + self.gradients + self.working


@dataclass(frozen=True)
class Need:
    """What one GPU must hold, in bytes."""

    actor: Role
    critic: Role | None
    engine_weights: int
    """The rollout engine's bf16 copy of the policy."""
    engine_working: int
    """The engine's largest forward pass, and its sampler."""
    engine_share: float
    """Part of the device that the engine claims while it is awake (``gpu_memory_utilization``)."""
    engine_sleeps: bool
    """``free_cache_engine``: what it holds is freed outside of rollouts."""
    cache_bytes: int
    """Of one token in the engine's cache."""
    parallel: int
    """``tensor_model_parallel_size``."""

    def resident(self) -> int:
        """Actor and critic, at rest."""
        return self.actor.resident + (self.critic.resident if self.critic else 0)

    def generating(self, device: Device) -> int:
        """Actor and critic at rest, and all that the engine claims."""
        return FIXED + self.resident() + int(self.engine_share * device.memory)

    def updating(self, device: Device) -> int:
        """The larger of the two updates, the other role at rest, and the engine if it does not sleep."""
        awake = 0 if self.engine_sleeps else int(self.engine_share * device.memory)
        roles = [self.actor] if self.critic is None else [self.actor, self.critic]
        return FIXED + awake + max(self.resident() - role.resident + role.updating for role in roles)

    def cache_tokens(self, device: Device) -> int:
        """Tokens that the engine's cache holds: its share of the device without weights and working memory."""
        free = self.engine_share * device.memory - self.engine_weights - self.engine_working
        return max(0, int(free / (self.cache_bytes / self.parallel)))

    def fits(self, device: Device) -> bool:
        """Whether both phases fit, and the engine has room for a cache."""
        largest = max(self.generating(device), self.updating(device))
        return largest <= USABLE * device.memory and self.cache_tokens(device) > 0


def of(config: DictConfig, shape: ModelShape, load: Load) -> Need:
    """What a checked configuration of FSDP workers with vLLM rollouts needs of each GPU.

    A role's weights, moments and gradients are ``4 + 8 + 4`` bytes a parameter in fp32 (``model_dtype``), divided by
    the workers. Working memory is that of one micro-batch of ``rows * max_model_len`` tokens, or of
    ``ppo_max_token_len_per_gpu`` with dynamic batches.
    """
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    model = config.actor_rollout_ref.model
    tokens = _tokens(actor, load)
    logits = 0
    if not model.use_fused_kernels:
        update = LOGIT_BYTES if actor.entropy_coeff else PLAIN_LOGIT_BYTES
        scoring = rollout.log_prob_micro_batch_size_per_gpu * load.conversation_tokens
        logits = shape.vocab_size * max(tokens * update, scoring * FORWARD_LOGIT_BYTES)
    trained = shape.parameters if not model.lora_rank else 0
    policy = _role(shape, shape.parameters, trained, tokens, load.devices, actor.fsdp_config, model)
    critic = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that GRPO has no critic
        has_critic = need_critic(config)
    if has_critic:
        settings = config.critic
        trained = shape.critic_parameters if not settings.model.lora_rank else 0
        critic = _role(
            shape,
            shape.critic_parameters,
            trained,
            _tokens(settings, load),
            load.devices,
            settings.model.fsdp_config,
            settings.model,
        )
    return Need(
        actor=replace(policy, working=policy.working + logits),
        critic=critic,
        engine_weights=shape.parameters * BF16 // rollout.tensor_model_parallel_size,
        engine_working=_engine_working(shape, rollout),
        engine_share=rollout.gpu_memory_utilization,
        engine_sleeps=rollout.free_cache_engine,
        cache_bytes=shape.cache_bytes(),
        parallel=rollout.tensor_model_parallel_size,
    )


def _tokens(settings: DictConfig, load: Load) -> int:
    """Tokens of a micro-batch on one GPU, padding included."""
    if settings.use_dynamic_bsz:
        return settings.ppo_max_token_len_per_gpu
    return settings.ppo_micro_batch_size_per_gpu * load.conversation_tokens


def _role(
    shape: ModelShape, parameters: int, trained: int, tokens: int, workers: int, fsdp: DictConfig, model: DictConfig
) -> Role:
    each = BYTES_OF[fsdp.model_dtype]
    gathered = GATHERED_BYTES * (shape.embedding + 2 * shape.layer)
    return Role(
        weights=each * parameters // workers,
        optimiser=2 * each * trained // workers,
        gradients=each * trained // workers,
        working=gathered + activations(shape, tokens, model.enable_gradient_checkpointing),
        weights_offloaded=fsdp.param_offload,
        optimiser_offloaded=fsdp.optimizer_offload,
    )


def activations(shape: ModelShape, tokens: int, checkpointing: bool) -> int:
    """Bytes that a forward pass keeps for the backward pass, in bf16.

    A layer keeps about eight vectors of ``hidden_size`` a token (two norms and their arguments, q, attention, output,
    residual), k and v, and four of ``intermediate_size`` (gate, its activation, up, product). With checkpointing, one
    vector a layer, and one layer's worth while it is computed again.
    """
    layer = 8 * shape.hidden_size + 2 * shape.key_value_dim + 4 * shape.intermediate_size
    kept = shape.num_hidden_layers * shape.hidden_size + layer if checkpointing else shape.num_hidden_layers * layer
    return BF16 * tokens * kept


def _engine_working(shape: ModelShape, rollout: DictConfig) -> int:
    """The pass that vLLM measures when it starts: one layer for a full batch of tokens, fp32 logits and a copy of them
    for as many sequences as it runs at once.
    """
    layer = BF16 * rollout.max_num_batched_tokens * (8 * shape.hidden_size + 4 * shape.intermediate_size)
    return layer + 2 * 4 * min(rollout.max_num_seqs, rollout.max_num_batched_tokens) * shape.vocab_size

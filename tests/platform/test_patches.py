"""What verl lacks without an accelerator, patch by patch: it fails without, works with, and twice is once."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import verl.utils.model

from ragen_tsr import platform
from ragen_tsr.platform import patches

needs_no_accelerator = pytest.mark.skipif(platform.has_accelerator(), reason="needs a machine without an accelerator")


@needs_no_accelerator
def test_every_device_function_of_verls_workers_exists() -> None:
    platform.prepare()
    from verl.utils.device import get_torch_device

    device = get_torch_device()
    assert device is torch.cpu
    assert device.memory_allocated() > 2**20
    assert device.max_memory_allocated() > 2**20
    assert device.get_device_name().startswith("CPU")
    device.empty_cache()
    device.reset_peak_memory_stats()


@needs_no_accelerator
def test_device_rng_is_the_cpus() -> None:
    platform.prepare()
    state = torch.cpu.get_rng_state()
    torch.cpu.manual_seed(3)
    first = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(2), first)
    torch.cpu.set_rng_state(state)
    again = torch.rand(2)
    torch.set_rng_state(state)
    assert torch.equal(torch.rand(2), again)


def test_each_device_function_is_needed() -> None:
    """A fresh process: torch has none of them by itself. When it gets one, its own is used and ours can go."""
    names = sorted(patches.DEVICE_FUNCTIONS)
    code = f"import torch; print([name for name in {names!r} if not hasattr(torch.cpu, name)])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(names)


@needs_no_accelerator
def test_verl_counts_flops_and_logs_memory_on_a_cpu() -> None:
    """verl asks a CPU no device name as long as the device is torch.cpu itself."""
    platform.prepare()
    from verl.utils.flops_counter import get_device_flops
    from verl.utils.memory_utils import aggressive_empty_cache
    from verl.utils.profiler.performance import _get_current_mem_info

    assert 0 < get_device_flops() < float("inf")
    assert _get_current_mem_info()[0] == "0.00"
    aggressive_empty_cache()


@needs_no_accelerator
def test_fsdp1_syncs_states_that_stand_on_the_cpu() -> None:
    from torch.distributed.fsdp import _init_utils

    assert hasattr(_init_utils, "_check_module_states_for_sync_module_states")  # torch renames what is private
    platform.prepare()
    _init_utils._check_module_states_for_sync_module_states([torch.zeros(2)])


@needs_no_accelerator
@pytest.mark.parametrize("asked", ["sdpa", "flash_attention_2"])
def test_the_critic_loads_without_flash_attention(tmp_path: Path, asked: str) -> None:
    from transformers import AutoConfig, Qwen2Config, Qwen2ForCausalLM

    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    Qwen2ForCausalLM(Qwen2Config(vocab_size=8, num_key_value_heads=1, **sizes)).save_pretrained(tmp_path)
    platform.prepare()
    config = AutoConfig.from_pretrained(tmp_path, attn_implementation=asked, num_labels=1)
    model = verl.utils.model.load_valuehead_model(str(tmp_path), torch.float32, config, False)
    assert model.config._attn_implementation == "sdpa"
    assert model.num_labels == 1
    assert model.dtype == torch.float32


@needs_no_accelerator
def test_full_precision_autocast_is_silent() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patches.full_precision_autocast()
        with torch.autocast(device_type="cpu", dtype=torch.float32):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not caught


@needs_no_accelerator
def test_preparing_twice_is_preparing_once() -> None:
    platform.prepare()
    once = (dict(vars(torch.cpu)), verl.utils.model.load_valuehead_model)
    platform.prepare()
    assert (dict(vars(torch.cpu)), verl.utils.model.load_valuehead_model) == once


def test_the_device_is_verls() -> None:
    from verl.utils.device import get_device_name

    from ragen_tsr.platform.device import device_name

    assert device_name() == get_device_name()


def test_nothing_is_applied_where_there_is_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "has_accelerator", lambda: True)

    def applied() -> None:
        raise AssertionError("a patch was applied")

    monkeypatch.setattr(patches, "PATCHES", (applied,))
    platform.prepare()

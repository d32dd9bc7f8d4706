"""Accelerators as their data sheets describe them."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Device:
    """An accelerator's data sheet."""

    name: str
    memory: int
    """Bytes."""
    bandwidth: float
    """Bytes a second."""
    flops: float
    """bf16 multiplications and additions a second, without sparsity."""


# NVIDIA's data sheets of these products.
DEVICES = (
    Device("RTX 4090, 24 GiB", 24 * GIB, 1.008e12, 165e12),
    Device("A100, 40 GiB", 40 * GIB, 1.555e12, 312e12),
    Device("A100, 80 GiB", 80 * GIB, 2.039e12, 312e12),
    Device("H100, 80 GiB", 80 * GIB, 3.35e12, 989e12),
    Device("H200, 141 GB", 131 * GIB, 4.8e12, 989e12),
)

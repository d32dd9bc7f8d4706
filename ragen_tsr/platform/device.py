"""What this machine computes on: the question that every other module of the platform asks."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache

import torch


@dataclass(frozen=True)
class Machine:
    """What a run computes on."""

    device: str
    """verl's name of the device: ``cpu``, ``cuda`` or ``npu``."""
    name: str
    """The device's own name, e.g. the processor's."""
    count: int
    """Accelerators, or, on a CPU, cores that this process may use."""

    def __str__(self) -> str:
        unit = "core" if self.device == "cpu" else "device"
        return f"{self.device} ({self.name}, {self.count} {unit}{'' if self.count == 1 else 's'})"


def device_name() -> str:
    """What ``verl.utils.device.get_device_name`` says, without the seconds that importing verl takes."""
    if torch.cuda.is_available():
        return "cuda"
    npu = getattr(torch, "npu", None)
    return "npu" if npu is not None and npu.is_available() else "cpu"


def has_accelerator() -> bool:
    """Whether verl would compute on something other than the CPU."""
    return device_name() != "cpu"


def usable_cores() -> int:
    """Cores that this process may run on; container and ``taskset`` limits count."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def describe() -> Machine:
    """The machine of this process, for a person to read."""
    device = device_name()
    if device == "cpu":
        return Machine(device, processor_name(), usable_cores())
    namespace = getattr(torch, device)
    return Machine(device, namespace.get_device_name(), namespace.device_count())


@cache
def processor_name() -> str:
    """The processor's name as the operating system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

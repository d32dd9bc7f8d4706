"""A preallocated key-value cache behind transformers' cache interface.

transformers' growing cache concatenates, so that every token copies everything before it; its static cache returns the
whole allocation, so that every token attends to everything after it too. This one writes in place and returns a view of
what is filled. Rows can be copied in from another cache (samples of one prompt, prefixes) and dropped (sequences that
ended).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin


class PreallocatedLayer(CacheLayerMixin):
    """Keys and values of one layer, ``[rows, key-value heads, capacity, head size]``, filled up to ``length``."""

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.length = 0
        self.keys: torch.Tensor
        self.values: torch.Tensor

    def lazy_initialization(self, key_states: torch.Tensor) -> None:
        """Allocate for the rows of the first keys that arrive."""
        rows, heads, _, size = key_states.shape
        self.allocate(rows, heads, size, key_states.dtype, key_states.device)

    def allocate(self, rows: int, heads: int, size: int, dtype: torch.dtype, device: torch.device) -> None:
        """Allocate zeros: what is never filled is masked, but has to be finite."""
        self.keys = torch.zeros(rows, heads, self.capacity, size, dtype=dtype, device=device)
        self.values = torch.zeros(rows, heads, self.capacity, size, dtype=dtype, device=device)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, cache_kwargs: dict[str, Any] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append in place; returns views of all that is filled, ``[rows, heads, length, size]``."""
        if not self.is_initialized:
            self.lazy_initialization(key_states)
        end = self.length + key_states.shape[-2]
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, cache_position: torch.Tensor) -> tuple[int, int]:
        """Length and offset of the keys that the next update will return."""
        return self.length + cache_position.shape[0], 0

    def get_seq_length(self) -> int:
        """Filled positions."""
        return self.length

    def get_max_cache_shape(self) -> int:
        """Allocated positions."""
        return self.capacity

    def select_rows(self, rows: torch.Tensor) -> None:
        """Keep ``rows`` (int64), in that order; what is not filled is not copied."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = torch.zeros(len(rows), *old.shape[1:], dtype=old.dtype, device=old.device)
            new[:, :, : self.length] = old[:, :, : self.length].index_select(0, rows)
            setattr(self, name, new)

    def copy_from(
        self, other: PreallocatedLayer, rows: torch.Tensor, source: slice, first_row: int, first_position: int
    ) -> None:
        """Copy the ``source`` positions of ``rows`` of ``other`` (int64, may repeat) to a place in this layer."""
        width = source.stop - source.start
        here = (slice(first_row, first_row + len(rows)), slice(None), slice(first_position, first_position + width))
        self.keys[here] = other.keys[:, :, source].index_select(0, rows)
        self.values[here] = other.values[:, :, source].index_select(0, rows)


class PreallocatedCache(Cache):
    """A cache of preallocated layers, one per layer of a model."""

    layers: list[PreallocatedLayer]

    def __init__(
        self,
        config: PretrainedConfig,
        rows: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device,
        filled: int = 0,
    ) -> None:
        """Allocate for ``rows``; the first ``filled`` positions count as written."""
        super().__init__(layers=[PreallocatedLayer(capacity) for _ in range(config.num_hidden_layers)])
        heads = config.num_key_value_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        for layer in self.layers:
            layer.allocate(rows, heads, size, dtype, device)
            layer.length = filled

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.layers)

    def select_rows(self, rows: torch.Tensor) -> None:
        """Keep ``rows`` of every layer (int64), in that order."""
        for layer in self.layers:
            layer.select_rows(rows)

    def copy_from(
        self, other: PreallocatedCache, rows: torch.Tensor, source: slice, first_row: int, first_position: int
    ) -> None:
        """:meth:`PreallocatedLayer.copy_from` for every layer."""
        for layer, its in zip(self.layers, other.layers, strict=True):
            layer.copy_from(its, rows, source, first_row, first_position)

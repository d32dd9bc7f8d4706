"""A preallocated key-value cache behind transformers' cache interface.

transformers' growing cache concatenates, so that every token copies everything before it; its static cache returns the
whole allocation, so that every token attends to everything after it too. This one writes in place and returns a view of
what is filled. Rows can be repeated (samples of one prompt) and dropped (sequences that ended).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin


class PreallocatedLayer(CacheLayerMixin):
    """Keys and values of one layer, ``[rows, key-value heads, capacity, head size]``, filled up to ``length``."""

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor) -> None:
        """Allocate for the rows of the first keys that arrive."""
        rows, heads, _, size = key_states.shape
        self.keys = key_states.new_empty(rows, heads, self.capacity, size)
        self.values = key_states.new_empty(rows, heads, self.capacity, size)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, cache_kwargs: dict[str, Any] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append in place; returns views of all that is filled, ``[rows, heads, length, size]``."""
        if not self.is_initialized:
            self.lazy_initialization(key_states)
        assert self.keys is not None and self.values is not None
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
        """Keep ``rows`` (int64, may repeat), in that order; what is not filled is not copied."""
        if not self.is_initialized:
            return
        self.keys = self._selected(self.keys, rows)
        self.values = self._selected(self.values, rows)

    def place(self, part: PreallocatedLayer, rows: torch.Tensor, first_row: int, width: int, total_rows: int) -> None:
        """Copy ``rows`` of ``part`` to ``first_row`` and after, right-aligned to ``width``; what is left of them is 0.

        Args:
            part: filled layer of prompts of one length, at most ``width``.
            rows: int64, rows of ``part``, may repeat.
            total_rows: rows to allocate when this is the first part.
        """
        if not self.is_initialized:
            self.lazy_initialization(part.keys.new_empty(()).expand(total_rows, part.keys.shape[1], 1, part.keys.shape[3]))
        last_row = first_row + len(rows)
        for target, source in ((self.keys, part.keys), (self.values, part.values)):
            target[first_row:last_row, :, : width - part.length] = 0
            target[first_row:last_row, :, width - part.length : width] = source[:, :, : part.length].index_select(0, rows)
        self.length = width

    def _selected(self, old: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
        assert old is not None
        new = old.new_empty(len(rows), *old.shape[1:])
        new[:, :, : self.length] = old[:, :, : self.length].index_select(0, rows)
        return new


class PreallocatedCache(Cache):
    """A cache of ``layers`` preallocated layers."""

    def __init__(self, layers: int, capacity: int) -> None:
        super().__init__(layers=[PreallocatedLayer(capacity) for _ in range(layers)])

    def select_rows(self, rows: torch.Tensor) -> None:
        """Keep ``rows`` of every layer (int64, may repeat), in that order."""
        for layer in self.layers:
            layer.select_rows(rows)

    def place(self, part: PreallocatedCache, rows: torch.Tensor, first_row: int, width: int, total_rows: int) -> None:
        """Copy ``rows`` of ``part`` into every layer (:meth:`PreallocatedLayer.place`)."""
        for layer, other in zip(self.layers, part.layers, strict=True):
            layer.place(other, rows, first_row, width, total_rows)

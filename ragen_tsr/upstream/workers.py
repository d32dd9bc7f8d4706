"""Upstream's workers with what a run of ours needs added, on any machine."""

from __future__ import annotations

from ragen_tsr import backend

ActorRolloutRefWorker = backend.ActorRolloutRefWorker
CriticWorker = backend.CriticWorker

"""Trajectory-search rollouts (TSR) for multi-turn RL of language-model agents, as a thin overlay on RAGEN."""

__version__ = "0.1.0"

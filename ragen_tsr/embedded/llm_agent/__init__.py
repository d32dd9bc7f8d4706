"""Managers between policy and environments, with upstream RAGEN's names, arguments and dictionary keys.

:mod:`es_manager` owns environments and the record of what happened in them, :mod:`ctx_manager` turns that
record into tokens and back, :mod:`agent_proxy` runs a rollout with both.
"""

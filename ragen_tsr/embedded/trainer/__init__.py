"""The embedded trainer: filter, advantages, training loop and checkpoints on verl's workers.

Nothing is imported here: `agent_trainer` needs Ray and verl, `rollout_filter` and `core_algos` only torch and
verl.
"""

"""The CPU rollout engine: token ids in, token ids out. Knows verl only in :mod:`.hf_cpu`."""

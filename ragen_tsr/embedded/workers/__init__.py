"""verl's FSDP workers with RAGEN's contract, and the rollout engine that needs no accelerator."""

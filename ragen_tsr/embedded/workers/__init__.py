"""verl's FSDP workers with RAGEN's contract."""

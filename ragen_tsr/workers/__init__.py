"""What a policy's worker has whichever RAGEN it comes from, and the CPU's rollout engine; knows verl and no RAGEN."""

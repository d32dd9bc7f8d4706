"""What the policy's worker of a run has, whichever RAGEN it comes from; knows verl and no RAGEN."""

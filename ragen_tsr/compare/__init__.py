"""Search methods compared: the same policy and starts without training, or a training run for each method and seed."""

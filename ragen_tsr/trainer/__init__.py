"""The overlay on RAGEN's trainer: the same loop with the searching agent proxy in it."""

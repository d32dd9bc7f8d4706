"""The overlay on RAGEN's rollout: an environment manager that branches and an agent proxy that searches."""

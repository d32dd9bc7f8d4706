"""Names of what a training step leaves in the run folder."""

ROLLOUTS_FOLDER = "rollouts"
VALIDATION_FOLDER = "validation"


def step_file(step: int) -> str:
    """Name of a step's file in these folders."""
    return f"step_{step:06d}.jsonl"

"""Names of what training leaves in the run folder and in its checkpoints."""

METRICS_FILE = "metrics.jsonl"
STATE_FILE = "trainer.pt"
"""In a checkpoint: what the trainer's own process has to remember."""
ROLLOUTS_FOLDER = "rollouts"
VALIDATION_FOLDER = "validation"


def step_file(step: int) -> str:
    """Name of a step's file in these folders."""
    return f"step_{step:06d}.jsonl"

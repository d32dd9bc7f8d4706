"""What the paper reports, as data: "TSR: Trajectory-Search Rollouts for Multi-Turn RL of LLM Agents", arXiv 2602.11767.

Every figure of tables 1 to 10, as printed. Figures 3 and 4 are pictures, of which the text gives no numbers: what is
known of the curves of figure 3 is when they reach 80 % of their final height and when they converge (tables 8 to 10).
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL, LARGE = "qwen2.5-0.5b", "qwen2.5-3b"
"""The paper's policies, as files of ``config/model/``."""

METHODS = ("none", "best_of_n", "lookahead", "beam")
BASE = "base"
"""The policy before training, beside the methods."""

MODEL_NAMES = {SMALL: "Qwen2.5-0.5B", LARGE: "Qwen2.5-3B"}
TASK_NAMES = {"sokoban": "Sokoban", "frozen_lake": "FrozenLake", "webshop": "WebShop"}

GPUS = 8
"""NVIDIA A100 of every training run (appendix E)."""
STEPS = {"sokoban": 200, "frozen_lake": 200, "webshop": 100}
SEEDS = 3
"""Runs behind the bands of figure 3."""


@dataclass(frozen=True)
class Evaluation:
    """On the 256 validation prompts."""

    success: float
    """In per cent."""
    length: float | None = None
    """Generated tokens of an episode."""
    turns: float | None = None


@dataclass(frozen=True)
class Times:
    """Of a whole training run on eight A100."""

    success: float
    """Final, in per cent."""
    hours: float
    steps_to_80: int
    """Steps to 80 % of the final success."""
    hours_to_80: float
    steps_to_convergence: int
    hours_to_convergence: float


MAIN: dict[tuple[str, str, str], Evaluation] = {
    ("sokoban", SMALL, BASE): Evaluation(8.9, 293, 4.7),
    ("sokoban", SMALL, "none"): Evaluation(29.0, 105, 4.4),
    ("sokoban", SMALL, "best_of_n"): Evaluation(33.3, 103, 4.3),
    ("sokoban", SMALL, "lookahead"): Evaluation(36.1, 101, 4.0),
    ("sokoban", SMALL, "beam"): Evaluation(38.3, 98, 3.8),
    ("sokoban", LARGE, BASE): Evaluation(16.0, 272, 4.6),
    ("sokoban", LARGE, "none"): Evaluation(43.7, 161, 4.1),
    ("sokoban", LARGE, "best_of_n"): Evaluation(47.7, 165, 4.0),
    ("sokoban", LARGE, "lookahead"): Evaluation(49.5, 158, 3.8),
    ("sokoban", LARGE, "beam"): Evaluation(52.3, 152, 3.6),
    ("frozen_lake", SMALL, BASE): Evaluation(6.4, 276, 4.6),
    ("frozen_lake", SMALL, "none"): Evaluation(19.7, 157, 4.1),
    ("frozen_lake", SMALL, "best_of_n"): Evaluation(25.0, 182, 4.2),
    ("frozen_lake", SMALL, "lookahead"): Evaluation(27.8, 168, 3.8),
    ("frozen_lake", SMALL, "beam"): Evaluation(30.0, 152, 3.5),
    ("frozen_lake", LARGE, BASE): Evaluation(12.7, 225, 3.9),
    ("frozen_lake", LARGE, "none"): Evaluation(48.7, 174, 3.6),
    ("frozen_lake", LARGE, "best_of_n"): Evaluation(55.0, 161, 3.5),
    ("frozen_lake", LARGE, "lookahead"): Evaluation(57.0, 135, 3.3),
    ("frozen_lake", LARGE, "beam"): Evaluation(60.7, 98, 3.1),
    ("webshop", LARGE, BASE): Evaluation(3.0, 747, 7.7),
    ("webshop", LARGE, "none"): Evaluation(70.3, 519, 6.8),
    ("webshop", LARGE, "best_of_n"): Evaluation(77.3, 504, 6.5),
    ("webshop", LARGE, "lookahead"): Evaluation(82.3, 475, 6.1),
    ("webshop", LARGE, "beam"): Evaluation(85.3, 453, 5.8),
}
"""Tables 1 and 2: task, model, method."""

LARGER: dict[tuple[str, str], float] = {
    ("GPT-4o (zero-shot)", "sokoban"): 27.73,
    ("GPT-4o (zero-shot)", "frozen_lake"): 26.56,
    ("Qwen2.5-72B (zero-shot)", "sokoban"): 19.53,
    ("Qwen2.5-72B (zero-shot)", "frozen_lake"): 23.83,
}
"""Table 3, its first two rows; the others are table 1's of the small model."""

SCALING: dict[tuple[str, str, int, int], Evaluation] = {
    ("sokoban", SMALL, 2, 1): Evaluation(36.8, 101, 3.95),
    ("sokoban", SMALL, 4, 1): Evaluation(37.6, 99, 3.88),
    ("sokoban", SMALL, 6, 1): Evaluation(37.9, 98, 3.85),
    ("sokoban", SMALL, 2, 2): Evaluation(38.3, 98, 3.80),
    ("sokoban", SMALL, 4, 2): Evaluation(39.1, 96, 3.75),
    ("sokoban", SMALL, 6, 2): Evaluation(39.4, 95, 3.72),
    ("sokoban", LARGE, 2, 1): Evaluation(50.6, 156, 3.70),
    ("sokoban", LARGE, 4, 1): Evaluation(51.4, 154, 3.65),
    ("sokoban", LARGE, 6, 1): Evaluation(51.8, 153, 3.62),
    ("sokoban", LARGE, 2, 2): Evaluation(52.3, 152, 3.60),
    ("sokoban", LARGE, 4, 2): Evaluation(53.1, 150, 3.55),
    ("sokoban", LARGE, 6, 2): Evaluation(53.4, 149, 3.52),
    ("frozen_lake", SMALL, 2, 1): Evaluation(28.7, 160, 3.65),
    ("frozen_lake", SMALL, 4, 1): Evaluation(29.3, 157, 3.58),
    ("frozen_lake", SMALL, 6, 1): Evaluation(29.5, 156, 3.56),
    ("frozen_lake", SMALL, 2, 2): Evaluation(30.0, 152, 3.50),
    ("frozen_lake", SMALL, 4, 2): Evaluation(30.6, 150, 3.47),
    ("frozen_lake", SMALL, 6, 2): Evaluation(30.8, 149, 3.46),
    ("frozen_lake", LARGE, 2, 1): Evaluation(58.9, 110, 3.20),
    ("frozen_lake", LARGE, 4, 1): Evaluation(59.6, 106, 3.16),
    ("frozen_lake", LARGE, 6, 1): Evaluation(59.9, 104, 3.14),
    ("frozen_lake", LARGE, 2, 2): Evaluation(60.7, 98, 3.10),
    ("frozen_lake", LARGE, 4, 2): Evaluation(61.3, 96, 3.08),
    ("frozen_lake", LARGE, 6, 2): Evaluation(61.5, 95, 3.07),
    ("webshop", LARGE, 2, 1): Evaluation(83.6, 470, 6.05),
    ("webshop", LARGE, 4, 1): Evaluation(84.5, 462, 5.90),
    ("webshop", LARGE, 6, 1): Evaluation(84.8, 458, 5.86),
    ("webshop", LARGE, 2, 2): Evaluation(85.3, 453, 5.80),
    ("webshop", LARGE, 4, 2): Evaluation(86.0, 448, 5.75),
    ("webshop", LARGE, 6, 2): Evaluation(86.3, 446, 5.72),
}
"""Tables 5 to 7: task, model, M, B of beam search. Table 4 prints three of them."""

TIMES: dict[tuple[str, str, str], Times] = {
    ("sokoban", SMALL, "none"): Times(29.0, 1.72, 90, 0.77, 180, 1.54),
    ("sokoban", SMALL, "best_of_n"): Times(33.3, 2.51, 60, 0.75, 120, 1.51),
    ("sokoban", SMALL, "lookahead"): Times(36.1, 3.11, 55, 0.86, 105, 1.63),
    ("sokoban", SMALL, "beam"): Times(38.3, 3.69, 50, 0.92, 90, 1.66),
    ("sokoban", LARGE, "none"): Times(43.7, 2.22, 100, 1.11, 180, 1.99),
    ("sokoban", LARGE, "best_of_n"): Times(47.7, 3.37, 70, 1.18, 150, 2.53),
    ("sokoban", LARGE, "lookahead"): Times(49.5, 3.96, 45, 0.89, 150, 2.96),
    ("sokoban", LARGE, "beam"): Times(52.3, 4.56, 55, 1.25, 90, 2.05),
    ("frozen_lake", SMALL, "none"): Times(19.7, 1.34, 80, 0.54, 120, 0.80),
    ("frozen_lake", SMALL, "best_of_n"): Times(25.0, 2.64, 70, 0.93, 100, 1.32),
    ("frozen_lake", SMALL, "lookahead"): Times(27.8, 2.53, 60, 0.76, 90, 1.14),
    ("frozen_lake", SMALL, "beam"): Times(30.0, 2.38, 60, 0.71, 80, 0.95),
    ("frozen_lake", LARGE, "none"): Times(48.7, 1.85, 150, 1.39, 170, 1.57),
    ("frozen_lake", LARGE, "best_of_n"): Times(55.0, 3.47, 110, 1.91, 140, 2.43),
    ("frozen_lake", LARGE, "lookahead"): Times(57.0, 3.19, 90, 1.44, 130, 2.08),
    ("frozen_lake", LARGE, "beam"): Times(60.7, 2.90, 80, 1.16, 100, 1.45),
    ("webshop", LARGE, "none"): Times(70.3, 6.24, 78, 4.87, 85, 5.31),
    ("webshop", LARGE, "best_of_n"): Times(77.3, 9.75, 60, 5.85, 70, 6.83),
    ("webshop", LARGE, "lookahead"): Times(82.3, 12.78, 45, 5.75, 65, 8.31),
    ("webshop", LARGE, "beam"): Times(85.3, 14.94, 45, 6.73, 50, 7.47),
}
"""Tables 8 to 10: task, model, method."""

"""Muon: momentum whose update is orthogonalised, for weight matrices.

Decides one update rule (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024).
After as many samples, the tiny policy finds many more of the right moves with it than with AdamW alone.
`torch.optim.Muon` came with torch 2.9 and computes in bfloat16, which CPUs without bfloat16 units emulate;
this one computes in the parameters' own precision.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

#: Coefficients of the quintic Newton-Schulz iteration that the authors chose.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum for two-dimensional parameters.

    Args:
        lr: step length; an update's singular values are near 1, times ``sqrt(max(1, rows / columns))``.
        momentum: decay of the running sum of gradients.
        iterations: Newton-Schulz iterations.
    """

    def __init__(self, params: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, iterations: int = 5) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "iterations": iterations})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Apply one update to every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["sum"] = torch.zeros_like(parameter)
                running = state["sum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalise(parameter.grad.lerp(running, group["momentum"]), group["iterations"])
                rows, columns = parameter.shape
                parameter.add_(update, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonalise(matrix: torch.Tensor, iterations: int) -> torch.Tensor:
    """A matrix with the singular vectors of `matrix` ``[m, n]`` and singular values near 1."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.T if tall else x

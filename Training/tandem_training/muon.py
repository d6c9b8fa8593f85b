"""Muon (Jordan et al. 2024) for many small matrices at once: what torch.optim.Muon computes, in a hundredth of the kernel launches."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic Newton-Schulz iteration
STEPS = 5


def orthogonalised(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: [N, rows, columns] → the same, bfloat16."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    for _ in range(STEPS):
        gram = x @ x.mT
        update = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, update, x, beta=a)
    return x.mT if tall else x


class BatchedMuon(torch.optim.Optimizer):
    """torch.optim.Muon with adjust_lr_fn "match_rms_adamw" and Nesterov momentum; matrices of one shape go through each operation together."""

    def __init__(self, params, lr: float, weight_decay: float, momentum: float = 0.95, nesterov: bool = True, adjust_lr_fn: str = "match_rms_adamw"):
        if not nesterov or adjust_lr_fn != "match_rms_adamw":
            raise ValueError("BatchedMuon: only Nesterov momentum and match_rms_adamw are there")
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for value in group["params"]:
                if value.grad is not None:
                    shapes[value.shape].append(value)
            for shape, values in shapes.items():
                gradients = torch.stack([value.grad for value in values])
                state = self.state[values[0]]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradients)
                momentum = state["momentum"]
                if momentum.shape != gradients.shape:
                    raise ValueError("BatchedMuon: the matrices that have a gradient must be the same at every step")
                momentum.lerp_(gradients, 1 - group["momentum"])
                update = orthogonalised(gradients.lerp(momentum, group["momentum"])).to(gradients.dtype)
                torch._foreach_mul_(values, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(values, list(update.unbind()), alpha=-group["lr"] * 0.2 * math.sqrt(max(shape)))

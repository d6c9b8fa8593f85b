"""A learned codec for the features at a split: what a device sends, and how the edge's layers learn to live with it.

Frames after layer k are normalized, a few are stacked, projected, and quantized in stages: each stage is a finite scalar quantizer
(arXiv 2309.15505) of a few dimensions of what the stages before it left over (residual quantization, as in arXiv 2107.03312). With
stages dropped at random in training, any number of the first ones can be decoded: one model, a ladder of rates.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .whisper import Exit, Whisper


def quantized(x: Tensor, levels: int) -> Tensor:
    """Values in [-1, 1] to the nearest of `levels` (odd) equidistant ones; the gradient passes straight through."""
    half = (levels - 1) / 2
    return x + ((x * half).round() / half - x).detach()


class Stage(nn.Module):
    def __init__(self, width: int, dimensions: int, levels: int, scale: float):
        super().__init__()
        self.levels = levels
        self.analysis, self.synthesis = nn.Linear(width, dimensions), nn.Linear(dimensions, width, bias=False)
        with torch.no_grad():
            # An orthonormal frame and its inverse: the stage begins as a quantizer of a projection, at the scale of what is left.
            frame = torch.linalg.qr(torch.randn(width, dimensions))[0].T
            self.analysis.weight.copy_(frame / scale)
            self.analysis.bias.zero_()
            self.synthesis.weight.copy_(frame.T * scale)

    def forward(self, rest: Tensor) -> tuple[Tensor, Tensor]:
        """What is left [B, T, z] → (its quantized part [B, T, z], the values sent [B, T, dimensions] in [-1, 1])."""
        values = quantized(torch.tanh(self.analysis(rest)), self.levels)
        return self.synthesis(values), values


class SplitCodec(nn.Module):
    """Codec of the features [B, T, d] (50 Hz) before encoder layer k + 1."""

    def __init__(self, width: int, stack: int = 4, inner: int = 128, stages: int = 16, dimensions: int = 8, levels: int = 5):
        super().__init__()
        self.stack, self.levels, self.dimensions = stack, levels, dimensions
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(stack * width, inner)
        self.stages = nn.ModuleList(Stage(inner, dimensions, levels, 1.5 * 0.93**number) for number in range(stages))
        self.up = nn.Sequential(nn.Linear(inner, 4 * inner), nn.GELU(), nn.Linear(4 * inner, stack * width))
        self.position = nn.Linear(width, width, bias=False)

    def bits_per_second(self, stages: int) -> float:
        """Before entropy coding."""
        return 50 / self.stack * stages * self.dimensions * math.log2(self.levels)

    def forward(self, x: Tensor, positions: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, d], the encoder's position table, `active` [B] stages a row → (what the edge gets [B, T, d], values [S, B, T', n])."""
        batch, frames, width = x.shape
        y = self.norm(x)
        groups = -(-frames // self.stack)
        y = functional.pad(y, (0, 0, 0, groups * self.stack - frames)).reshape(batch, groups, -1)
        rest = self.down(y)
        known = torch.zeros_like(rest)
        sent = []
        for number, stage in enumerate(self.stages):
            part, values = stage(rest)
            part = part * (active > number)[:, None, None]
            rest, known = rest - part, known + part
            sent.append(values)
        out = self.up(known).view(batch, groups * self.stack, width)[:, :frames]
        return out + self.position(positions[:frames]), torch.stack(sent)


class EdgeHalf(nn.Module):
    """The edge's own layers above the shallowest split, its CTC head, and the codecs; the decoder is the model's."""

    def __init__(self, model: Whisper, splits: list[int], **options):
        super().__init__()
        self.first = min(splits)
        self.layers = nn.ModuleList(copy.deepcopy(layer) for layer in model.encoder.layers[self.first:])
        self.norm = copy.deepcopy(model.encoder.norm)
        deepest = str(model.size.encoderLayers)
        self.exit: Exit | None = copy.deepcopy(model.exits[deepest]) if deepest in model.exits else None
        self.codecs = nn.ModuleDict({str(split): SplitCodec(model.size.width, **options) for split in splits})

    def memory(self, x: Tensor, split: int) -> tuple[Tensor, Tensor | None]:
        """Features before layer split + 1 → (the decoder's memory [B, T, d], CTC logits)."""
        for layer in self.layers[split - self.first:]:
            x = layer(x)
        return self.norm(x), self.exit(x) if self.exit is not None else None

    def forward(self, model: Whisper, features: Tensor, split: int, active: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Log-mel [B, mel, 2T] through the device's layers, the codec (`active` stages a row; None: lossless) and the edge's layers."""
        with torch.no_grad():
            x = model.between(model.encoder.stem(features), 0, split)
        values = None
        if active is not None:
            x, values = self.codecs[str(split)](x, model.encoder.positions, active)
        memory, logits = self.memory(x, split)
        return memory, logits, values


def entropies(values: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Bits a value of each stage and dimension, [S, n]: of its own frequency, and given the value before it in time.

    values [S, B, T, n]. The second is what an adaptive coder with that context would come near to.
    """
    codes = ((values.float() + 1) * (levels - 1) / 2).round().long().clamp(0, levels - 1).permute(0, 3, 1, 2)  # S, n, B, T
    here, before = codes[..., 1:], codes[..., :-1]
    joint = torch.zeros(*codes.shape[:2], levels * levels, device=values.device)
    pairs = (before * levels + here).flatten(2)
    joint.scatter_add_(2, pairs, torch.ones_like(pairs, dtype=joint.dtype))
    joint = joint / joint.sum(-1, keepdim=True)

    def bits(p: Tensor) -> Tensor:
        return -(p * p.clamp(min=1e-12).log2()).sum(-1)

    square = joint.unflatten(-1, (levels, levels))
    return bits(square.sum(-2)), bits(joint) - bits(square.sum(-1))

"""Self-supervised pre-training: predict a random quantiser's code of what was masked (BEST-RQ, arXiv 2202.01855)."""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from torch.nn import functional

STACKED = 4       # log-mel frames under one encoder frame
MASK_FRAMES = 10  # encoder frames in one masked span: 0.4 s
MASK_START = 0.03  # chance that a span starts at a frame


class RandomQuantiser(nn.Module):
    """A frozen random projection and codebook, the same for the same seed, and the trained head that predicts its codes."""

    def __init__(self, bins: int, dimension: int, seed: int, codes: int = 1024, width: int = 16):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("projection", torch.randn(bins * STACKED, width, generator=generator) / (bins * STACKED) ** 0.5)
        self.register_buffer("codebook", functional.normalize(torch.randn(codes, width, generator=generator), dim=-1))
        self.head = nn.Linear(dimension, codes)

    def codes(self, normalised: Tensor) -> Tensor:
        """Normalised log-mel [B, T, bins] → codes [B, ceil(T/4)]: of frames 4t-3 … 4t, the last that encoder frame t sees."""
        frames = (normalised.shape[1] + 3) // 4
        padded = functional.pad(normalised, (0, 0, STACKED - 1, STACKED))[:, : STACKED * frames]
        stacked = padded.reshape(padded.shape[0], frames, -1)
        return (functional.normalize(stacked @ self.projection, dim=-1) @ self.codebook.T).argmax(-1)


def mask_spans(normalised: Tensor, lengths: Tensor, generator: random.Random) -> tuple[Tensor, Tensor]:
    """Replaces spans of normalised log-mel [B, T, bins] by noise; returns it and which encoder frames [B, ceil(T/4)] were masked."""
    frames = (normalised.shape[1] + 3) // 4
    masked = torch.zeros(normalised.shape[0], frames, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        starts = [frame for frame in range(length) if generator.random() < MASK_START] or [generator.randrange(max(1, length - MASK_FRAMES))]
        for start in starts:
            masked[row, start : min(start + MASK_FRAMES, length)] = True
    masked = masked.to(normalised.device)
    # Encoder frame t stands for frames 4t-3 … 4t.
    wide = functional.pad(masked.repeat_interleave(STACKED, dim=1)[:, STACKED - 1 :], (0, STACKED - 1))[:, : normalised.shape[1]]
    return torch.where(wide[:, :, None], torch.randn_like(normalised) * 0.1, normalised), masked


def masked_prediction_loss(
    model, quantiser: RandomQuantiser, normalised: Tensor, frames: Tensor, generator: random.Random, bfloat16: bool
) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the codes under the mask, from the last block's output."""
    lengths = (frames + 3) // 4
    codes = quantiser.codes(normalised)
    hidden, masked = mask_spans(normalised, lengths, generator)
    with torch.autocast(normalised.device.type, torch.bfloat16, enabled=bfloat16):
        x = model.subsampling(hidden)
        blocks, _ = model.encoder(x, lengths)
        logits = quantiser.head(blocks[-1])
    loss = functional.cross_entropy(logits.float()[masked], codes[masked])
    right = (logits[masked].argmax(-1) == codes[masked]).float().mean()
    return loss, {"masked": loss.item(), "masked-accuracy": right.item(), "total": loss.item()}

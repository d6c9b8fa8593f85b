"""Whisper (arXiv 2212.04356) with CTC exits after chosen encoder layers (arXiv 2309.09546), for training.

Parameter names are those of docs/model-format.md, "The Whisper family".
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16000
HOP = 160
WINDOW = 400


@functools.lru_cache(maxsize=2)
def mel_filters(bins: int = 80) -> Tensor:
    """Slaney's mel filters as librosa and Whisper have them, area-normalized: [bins, 201], float32."""
    def to_mel(hertz: numpy.ndarray) -> numpy.ndarray:
        linear = hertz / (200 / 3)
        return numpy.where(hertz >= 1000, 15 + numpy.log(numpy.maximum(hertz, 1e-9) / 1000) / (numpy.log(6.4) / 27), linear)

    def to_hertz(mel: numpy.ndarray) -> numpy.ndarray:
        return numpy.where(mel >= 15, 1000 * numpy.exp((numpy.log(6.4) / 27) * (mel - 15)), mel * (200 / 3))

    bounds = to_mel(numpy.array([0.0, SAMPLE_RATE / 2]))
    edges = to_hertz(numpy.linspace(bounds[0], bounds[1], bins + 2))
    places = numpy.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    widths, ramps = numpy.diff(edges), edges[:, None] - places[None]
    filters = numpy.maximum(0, numpy.minimum(-ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]))
    filters *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(numpy.float32))


@functools.lru_cache(maxsize=2)
def _fourier(device: torch.device) -> Tensor:
    """Windowed sines and cosines of all bins, [402, 1, 400]: the spectrum as a convolution, for no batch of another shape needs a plan then.

    cuFFT makes a plan for each new shape, which takes longer than the transform.
    """
    angle = 2 * torch.pi * torch.outer(torch.arange(WINDOW // 2 + 1, dtype=torch.float64), torch.arange(WINDOW, dtype=torch.float64)) / WINDOW
    window = torch.hann_window(WINDOW, dtype=torch.float64)
    return torch.cat([angle.cos() * window, angle.sin() * window])[:, None].float().to(device)


def log_mel(samples: Tensor, bins: int = 80) -> Tensor:
    """Whisper's features of samples in [-1, 1]: [B, N] → [B, bins, N / 160]; each row's range is cut at 8 (80 dB) below its maximum."""
    with torch.autocast(samples.device.type, enabled=False):
        if samples.is_cuda:
            padded = functional.pad(samples[:, None].float(), (WINDOW // 2, WINDOW // 2), mode="reflect")
            power = functional.conv1d(padded, _fourier(samples.device), stride=HOP)[..., :-1].square().unflatten(1, (2, -1)).sum(1)
        else:
            window = torch.hann_window(WINDOW, device=samples.device)
            power = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True)[..., :-1].abs().square()
        values = (mel_filters(bins).to(samples) @ power).clamp(min=1e-10).log10()
        return (torch.maximum(values, values.amax((-2, -1), keepdim=True) - 8.0) + 4.0) / 4.0


@dataclass(frozen=True)
class Dimensions:
    """Sizes of a Whisper model, as its tensors have them."""

    mel: int
    width: int
    heads: int
    encoderLayers: int
    decoderLayers: int
    tokens: int

    @staticmethod
    def of(tensors: dict[str, Tensor]) -> "Dimensions":
        def layers(half: str) -> int:
            return 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith(f"{half}.layers."))

        width, mel, _ = tensors["encoder.conv1.weight"].shape
        return Dimensions(mel, width, width // 64, layers("encoder"), layers("decoder"), tensors["decoder.embedding.weight"].shape[0])


class Linear(nn.Linear):
    """A linear map that may learn a low-rank delta (LoRA, arXiv 2106.09685) instead of its weight."""

    rank = 0

    def add_low_rank(self, rank: int) -> None:
        self.rank = rank
        self.weight.requires_grad_(False)
        self.lowRankDown = nn.Parameter(torch.randn(rank, self.in_features) / self.in_features**0.5)
        self.lowRankUp = nn.Parameter(torch.zeros(self.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.linear(x, self.weight, self.bias)
        if self.rank:
            y = y + functional.linear(functional.linear(x, self.lowRankDown), self.lowRankUp)
        return y


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm = nn.LayerNorm(width)
        self.query, self.key = Linear(width, width), Linear(width, width, bias=False)
        self.value, self.output = Linear(width, width), Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """[B, T, d] → [B, heads, T, d / heads]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, memory: Tensor | None = None, causal: bool = False) -> Tensor:
        """x [B, T, d] attends to itself, or to memory [B, S, d] (already normalized)."""
        y = self.norm(x)
        source = y if memory is None else memory
        attended = functional.scaled_dot_product_attention(
            self.split(self.query(y)), self.split(self.key(source)), self.split(self.value(source)), is_causal=causal,
            dropout_p=self.dropout if self.training else 0.0)
        return x + self.output(attended.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(width)
        self.up, self.down = Linear(width, 4 * width), Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.gelu(self.up(self.norm(x)))
        return x + self.down(functional.dropout(hidden, self.dropout, self.training))


class EncoderLayer(nn.Module):
    def __init__(self, size: Dimensions, dropout: float):
        super().__init__()
        self.attention = Attention(size.width, size.heads, dropout)
        self.feedForward = FeedForward(size.width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.feedForward(self.attention(x))


class DecoderLayer(nn.Module):
    def __init__(self, size: Dimensions, dropout: float):
        super().__init__()
        self.selfAttention = Attention(size.width, size.heads, dropout)
        self.crossAttention = Attention(size.width, size.heads, dropout)
        self.feedForward = FeedForward(size.width, dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return self.feedForward(self.crossAttention(self.selfAttention(x, causal=True), memory))


class Encoder(nn.Module):
    def __init__(self, size: Dimensions, dropout: float):
        super().__init__()
        self.conv1 = nn.Conv1d(size.mel, size.width, 3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(1500, size.width), requires_grad=False)
        self.layers = nn.ModuleList(EncoderLayer(size, dropout) for _ in range(size.encoderLayers))
        self.norm = nn.LayerNorm(size.width)

    def stem(self, features: Tensor) -> Tensor:
        """[B, mel, 2T] → [B, T, d] at 50 Hz, positions added."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(features)))).transpose(1, 2)
        return x + self.positions[: x.shape[1]]


class Decoder(nn.Module):
    def __init__(self, size: Dimensions, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(size.tokens, size.width)
        self.embedding.weight.requires_grad_(False)
        self.positions = nn.Parameter(torch.zeros(448, size.width), requires_grad=False)
        self.layers = nn.ModuleList(DecoderLayer(size, dropout) for _ in range(size.decoderLayers))
        self.norm = nn.LayerNorm(size.width)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """tokens [B, U], memory [B, T, d] → hidden states [B, U, d]; `logits` makes them scores of the next token."""
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, memory)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.embedding.weight)


def stacked(x: Tensor) -> Tensor:
    """Pairs of neighboring frames side by side: [B, T, d] → [B, T // 2, 2d]; an odd last frame is dropped."""
    pairs = x.shape[1] // 2
    return x[:, : 2 * pairs].reshape(x.shape[0], pairs, -1)


class Exit(nn.Module):
    """A CTC head: LayerNorm of each 50 Hz frame (frames of silence are outliers), pairs stacked to 25 Hz, linear.

    With `branch`, one encoder layer of its own comes before (2105.09121's single-layer heads).
    """

    def __init__(self, size: Dimensions, vocabulary: int, branch: bool, dropout: float):
        super().__init__()
        self.layer = EncoderLayer(size, dropout) if branch else None
        self.norm = nn.LayerNorm(size.width)
        self.output = nn.Linear(2 * size.width, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, d] → logits [B, T // 2, V]."""
        return self.output(stacked(self.norm(x if self.layer is None else self.layer(x))))


class Whisper(nn.Module):
    def __init__(self, size: Dimensions, exits: list[int], vocabulary: int, branch: bool = False, dropout: float = 0.0):
        super().__init__()
        self.size, self.places = size, exits
        self.encoder = Encoder(size, dropout)
        self.decoder = Decoder(size, dropout)
        self.exits = nn.ModuleDict({str(place): Exit(size, vocabulary, branch and place < size.encoderLayers, dropout) for place in exits})

    def load_public(self, tensors: dict[str, Tensor]) -> None:
        """Takes a public model's tensors; exit branches start as the layer that comes next (issue: 'copies the backbone's next layer')."""
        missing, unexpected = self.load_state_dict(tensors, strict=False)
        wrong = [name for name in missing if not name.startswith("exits.")] + list(unexpected)
        if wrong:
            raise ValueError(f"the weights do not fit: {', '.join(wrong[:5])}")
        for place, head in self.exits.items():
            if head.layer is not None:
                head.layer.load_state_dict(self.encoder.layers[int(place)].state_dict())

    def encode(self, features: Tensor, heads_alone: bool = False) -> tuple[Tensor, dict[int, Tensor]]:
        """[B, mel, 2T] → (memory for the decoder [B, T, d], the exits' CTC logits by depth [B, T // 2, V]).

        With `heads_alone` the exits' losses do not reach the encoder.
        """
        x, logits = self.encoder.stem(features), {}
        for number, layer in enumerate(self.encoder.layers, start=1):
            x = layer(x)
            if number in self.places:
                logits[number] = self.exits[str(number)](x.detach() if heads_alone else x)
        return self.encoder.norm(x), logits

    def between(self, x: Tensor, first: int, last: int | None = None) -> Tensor:
        """Encoder layers first ..< last on features [B, T, d]."""
        for layer in self.encoder.layers[first:last]:
            x = layer(x)
        return x

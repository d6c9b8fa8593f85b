"""The recogniser: causal Conformer with exits, non-causal second encoder, transducer.

docs/model-format.md is normative. Modules carry the format's names, so that the keys of `state_dict`
are the tensor names of the safetensors files. Shapes: B utterances, T encoder frames, d dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from .features import FeatureSettings, normalise

BLOCK_TYPES = ("convolution", "attention", "performer")
HEAD_TYPES = ("linear", "attention")


@dataclass
class ModelSettings:
    """What model.json says about the network; `vocabulary` is the number of tokens."""

    vocabulary: int
    subsampling: dict
    encoder: dict
    secondEncoder: dict | None
    transducer: dict | None
    features: FeatureSettings = field(default_factory=FeatureSettings)
    # For comparisons only; the engine has neither, and `export` refuses both this and `encoder.causal: false`.
    attentionDecoder: dict | None = None

    def __post_init__(self) -> None:
        blocks = self.encoder["blocks"] + (self.secondEncoder or {}).get("blocks", [])
        for block in blocks:
            if block["type"] not in BLOCK_TYPES:
                raise ValueError(f"model: block type {block['type']!r} is unknown; use one of {', '.join(BLOCK_TYPES)}")
        for exit in self.encoder["exits"]:
            if exit["head"] not in HEAD_TYPES:
                raise ValueError(f"model: exit head {exit['head']!r} is unknown; use one of {', '.join(HEAD_TYPES)}")
        depths = [exit["afterBlock"] for exit in self.encoder["exits"]]
        if depths != sorted(set(depths)) or not depths or depths[-1] != len(self.encoder["blocks"]):
            raise ValueError(
                f"model: exits after blocks {depths} must rise and end after the last block ({len(self.encoder['blocks'])})"
            )
        if self.attentionDecoder and self.secondEncoder is None:
            raise ValueError("model: attentionDecoder needs a secondEncoder to attend to")
        if (self.secondEncoder is None) != (self.transducer is None):
            raise ValueError("model: secondEncoder and transducer come together, or both are null")


def subsampled(frames: Tensor) -> Tensor:
    """Encoder frames (25 Hz) of T log-mel frames: two halvings, each rounded up."""
    return (frames + 3) // 4


class Subsampling(nn.Module):
    """Two causal 3x3 convolutions of stride 2, then a linear layer: [B, T, bins] → [B, ceil(ceil(T/2)/2), d]."""

    def __init__(self, bins: int, channels: int, dimension: int):
        super().__init__()
        self.convolution1 = nn.Conv2d(1, channels, 3, stride=2)
        self.convolution2 = nn.Conv2d(channels, channels, 3, stride=2)
        self.projection = nn.Linear(channels * (((bins + 1) // 2 + 1) // 2), dimension)

    def forward(self, features: Tensor) -> Tensor:
        hidden = features.unsqueeze(1)
        for convolution in (self.convolution1, self.convolution2):
            # Frequency 1 on both sides, time 2 on the left only: no look-ahead.
            hidden = functional.silu(convolution(functional.pad(hidden, (1, 1, 2, 0))))
        return self.projection(hidden.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, dimension: int, hidden: int):
        super().__init__()
        self.normalization = nn.LayerNorm(dimension)
        self.expand = nn.Linear(dimension, hidden)
        self.contract = nn.Linear(hidden, dimension)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(functional.silu(self.expand(self.normalization(x))))


@lru_cache(maxsize=1024)
def _rotary_angles(frames: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    frequencies = 10000.0 ** (-torch.arange(width // 2, dtype=torch.float64) * 2.0 / width)
    angles = torch.arange(frames, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().float().to(device), angles.sin().float().to(device)


def rotate(x: Tensor) -> Tensor:
    """Rotary positions (RoFormer, arXiv 2104.09864) in the half-split layout; [B, heads, T, dh]."""
    cosine, sine = _rotary_angles(x.shape[-2], x.shape[-1], x.device)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class Attention(nn.Module):
    """Multi-head attention; `performer` is its linear form with ReLU features and no positions."""

    def __init__(self, dimension: int, heads: int, performer: bool = False):
        super().__init__()
        if dimension % heads or (dimension // heads) % 2:
            raise ValueError(f"model: {heads} heads do not split dimension {dimension} into even widths")
        self.heads = heads
        self.performer = performer
        self.normalization = nn.LayerNorm(dimension)
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(dimension, dimension)
        self.value = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, dimension)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """x [B, T, d]; visible [B or 1, 1, T, T]: which frame (row) may see which (column)."""
        batch, frames, dimension = x.shape
        normalised = self.normalization(x)
        query, key, value = (
            layer(normalised).view(batch, frames, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if self.performer:
            # The quadratic form of the recurrence in the format: the same sums, made parallel for training.
            with torch.autocast(x.device.type, enabled=False):
                query, key, value = (part.float() for part in (query, key, value))
                weights = (query.relu() + 1e-3) @ (key.relu() + 1e-3).transpose(-1, -2)
                weights = weights.masked_fill(~visible, 0.0)
                attended = (weights @ value) / weights.sum(-1, keepdim=True).clamp(min=1e-30)
        else:
            scores = rotate(query / math.sqrt(dimension // self.heads)) @ rotate(key).transpose(-1, -2)
            # A large finite number: rows of padding that see nothing must not become NaN.
            attended = scores.masked_fill(~visible, -1e30).softmax(-1).to(value.dtype) @ value
        return self.output(attended.transpose(1, 2).reshape(batch, frames, dimension))


class Convolution(nn.Module):
    """The Conformer's convolution module with LayerNorm inside; causal, or centred in the second encoder."""

    def __init__(self, dimension: int, kernel: int, causal: bool):
        super().__init__()
        if not causal and kernel % 2 == 0:
            raise ValueError(f"model: a non-causal kernel must be odd, not {kernel}")
        self.padding = (kernel - 1, 0) if causal else ((kernel - 1) // 2, (kernel - 1) // 2)
        self.normalization = nn.LayerNorm(dimension)
        self.pointwise1 = nn.Linear(dimension, 2 * dimension)
        self.depthwise = nn.Conv1d(dimension, dimension, kernel, groups=dimension)
        self.innerNormalization = nn.LayerNorm(dimension)
        self.pointwise2 = nn.Linear(dimension, dimension)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """inside [B, T, 1] is 1 within the utterance: what lies behind its end counts as zeros."""
        hidden = functional.glu(self.pointwise1(self.normalization(x)), dim=-1) * inside
        hidden = self.depthwise(functional.pad(hidden.transpose(1, 2), self.padding)).transpose(1, 2)
        return self.pointwise2(functional.silu(self.innerNormalization(hidden)))


class Block(nn.Module):
    """One Conformer block (arXiv 2005.08100); `convolution` blocks have no attention (arXiv 2304.00171)."""

    def __init__(self, dimension: int, settings: dict, causal: bool, dropout: float):
        super().__init__()
        self.type = settings["type"]
        self.dropout = dropout
        self.feedForward1 = FeedForward(dimension, settings["feedForward"])
        if self.type != "convolution":
            self.attention = Attention(dimension, settings["heads"], performer=self.type == "performer")
        self.convolution = Convolution(dimension, settings["kernel"], causal)
        self.feedForward2 = FeedForward(dimension, settings["feedForward"])
        self.normalization = nn.LayerNorm(dimension)

    def _drop(self, branch: Tensor) -> Tensor:
        """Dropout with one mask for all frames of an utterance: random numbers are dear on a CPU."""
        if not self.training or self.dropout == 0.0:
            return branch
        keep = torch.rand(branch.shape[0], 1, branch.shape[2], device=branch.device) >= self.dropout
        return branch * (keep / (1.0 - self.dropout)).to(branch.dtype)

    def forward(self, x: Tensor, masks: "Masks") -> Tensor:
        x = x + 0.5 * self._drop(self.feedForward1(x))
        if self.type != "convolution":
            x = x + self._drop(self.attention(x, masks.past if self.attention.performer else masks.visible))
        x = x + self._drop(self.convolution(x, masks.inside))
        x = x + 0.5 * self._drop(self.feedForward2(x))
        return self.normalization(x)


@dataclass
class Masks:
    """Who sees whom: `inside` [B, T, 1] float, `visible` and `past` [B, 1, T, T] bool."""

    inside: Tensor
    visible: Tensor
    past: Tensor

    @staticmethod
    def causal(lengths: Tensor, frames: int, chunk: int, left: int) -> "Masks":
        """Chunked attention: frame t of chunk c sees chunks c - left … c, to the chunk's end."""
        place = torch.arange(frames, device=lengths.device)
        inside = place[None, :] < lengths[:, None]
        behind = place[:, None] // chunk - place[None, :] // chunk
        visible = ((behind >= 0) & (behind <= left))[None, None] & inside[:, None, None, :]
        past = (place[:, None] >= place[None, :])[None, None] & inside[:, None, None, :]
        return Masks(inside[:, :, None].float(), visible, past)

    @staticmethod
    def whole(lengths: Tensor, frames: int) -> "Masks":
        """Every frame sees every frame of its utterance."""
        inside = torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]
        visible = inside[:, None, None, :].expand(-1, 1, frames, -1)
        return Masks(inside[:, :, None].float(), visible, visible)


class Exit(nn.Module):
    """A CTC head; with `attention` a single attention layer stands before it (arXiv 2105.09121)."""

    def __init__(self, dimension: int, settings: dict, vocabulary: int):
        super().__init__()
        self.head = settings["head"]
        if self.head == "attention":
            self.attention = Attention(dimension, settings["heads"])
            self.normalization = nn.LayerNorm(dimension)
        self.projection = nn.Linear(dimension, vocabulary)

    def forward(self, x: Tensor, masks: Masks) -> Tensor:
        if self.head == "attention":
            x = self.normalization(x + self.attention(x, masks.visible))
        return self.projection(x)


class Encoder(nn.Module):
    def __init__(self, settings: dict, vocabulary: int, dropout: float):
        super().__init__()
        self.chunk, self.left = settings["chunkFrames"], settings["leftChunks"]
        self.causal = settings.get("causal", True)
        dimension = settings["dimension"]
        self.blocks = nn.ModuleList(Block(dimension, block, self.causal, dropout) for block in settings["blocks"])
        self.exits = nn.ModuleList(Exit(dimension, exit, vocabulary) for exit in settings["exits"])
        self.afterBlock = [exit["afterBlock"] for exit in settings["exits"]]

    def forward(self, x: Tensor, lengths: Tensor, depth: int | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Outputs of every block [B, T, d] and logits of every exit [B, T, V], of the first `depth` blocks."""
        masks = Masks.causal(lengths, x.shape[1], self.chunk, self.left) if self.causal else Masks.whole(lengths, x.shape[1])
        outputs, logits = [], []
        for number, block in enumerate(self.blocks[:depth], start=1):
            x = block(x, masks)
            outputs.append(x)
            if number in self.afterBlock:
                logits.append(self.exits[self.afterBlock.index(number)](x, masks))
        return outputs, logits


class SecondEncoder(nn.Module):
    """The cascade's non-causal encoder (arXiv 2304.00171) with an auxiliary CTC head."""

    def __init__(self, settings: dict, first: int, vocabulary: int, dropout: float):
        super().__init__()
        dimension = settings["dimension"]
        self.input = nn.Linear(first, dimension)
        self.blocks = nn.ModuleList(Block(dimension, block, False, dropout) for block in settings["blocks"])
        self.projection = nn.Linear(dimension, vocabulary)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """The input layer's and every block's output [B, T, d2], and the auxiliary head's logits [B, T, V]."""
        masks = Masks.whole(lengths, x.shape[1])
        outputs = [self.input(x)]
        for block in self.blocks:
            outputs.append(block(outputs[-1], masks))
        return outputs, self.projection(outputs[-1])


class Predictor(nn.Module):
    """Stateless predictor (arXiv 1911.07476): the last `context` tokens, embedded and projected."""

    def __init__(self, vocabulary: int, context: int, embedding: int, joiner: int):
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.projection = nn.Linear(context * embedding, joiner)

    def forward(self, tokens: Tensor) -> Tensor:
        """[..., context], oldest first → [..., J]."""
        return self.projection(self.embedding(tokens).flatten(-2))


class Joiner(nn.Module):
    def __init__(self, dimension: int, joiner: int, vocabulary: int):
        super().__init__()
        self.encoder = nn.Linear(dimension, joiner)
        self.blank = nn.Linear(joiner, 1)
        self.labels = nn.Linear(joiner, vocabulary - 1)


def codec_noise(features: Tensor, probability: float, levels: list[float]) -> Tensor:
    """`features` [B, T, d] as a codec with one scale a frame might give them back: each utterance, with this probability, gets
    uniform noise of one quantisation step, for a number of levels on either side of zero that is drawn log-uniformly between
    the two given (`Sources/FeatureCodec`'s int8 has 127, four bits have 7)."""
    count, device = features.shape[0], features.device
    least, most = (math.log(level) for level in levels)
    limits = torch.empty(count, 1, 1, device=device).uniform_(least, most).exp()
    noisy = torch.rand(count, 1, 1, device=device) < probability
    step = features.detach().abs().amax(-1, keepdim=True) / limits * noisy
    return features + (torch.rand_like(features) - 0.5) * step


class Transducer(nn.Module):
    """Stateless predictor and joiner with HAT's factorised blank (arXiv 2003.07705)."""

    def __init__(self, settings: dict, dimension: int, vocabulary: int):
        super().__init__()
        self.predictor = Predictor(vocabulary, settings["context"], settings["embedding"], settings["joiner"])
        self.joiner = Joiner(dimension, settings["joiner"], vocabulary)

    def contexts(self, targets: Tensor) -> Tensor:
        """Contexts after 0 … U labels: targets [B, U] → [B, U+1, context]."""
        context = self.predictor.context
        padded = functional.pad(targets, (context, 0))
        return padded.unfold(1, context, 1)

    def lattice(self, encoded: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """encoded [B, T, d2], targets [B, U] → log P(blank) [B, T, U+1] and log P(next label) [B, T, U]."""
        hidden = self.joiner.encoder(encoded)[:, :, None, :] + self.predictor(self.contexts(targets))[:, None, :, :]
        hidden = hidden.tanh()
        blank = self.joiner.blank(hidden).squeeze(-1).float()
        logits = self.joiner.labels(hidden[:, :, :-1]).float()
        wanted = (targets - 1).clamp(min=0)[:, None, :].expand(logits.shape[:-1])
        label = -functional.cross_entropy(logits.flatten(0, 2), wanted.flatten(), reduction="none").view(wanted.shape)
        return functional.logsigmoid(blank), functional.logsigmoid(-blank[:, :, :-1]) + label

    def log_probabilities(self, encoded: Tensor, contexts: Tensor) -> Tensor:
        """All V factorised log-probabilities, column 0 = blank: encoded [..., d2], contexts [..., context] → [..., V]."""
        hidden = (self.joiner.encoder(encoded) + self.predictor(contexts)).tanh()
        blank = self.joiner.blank(hidden).float()
        labels = self.joiner.labels(hidden).float().log_softmax(-1)
        return torch.cat([functional.logsigmoid(blank), functional.logsigmoid(-blank) + labels], dim=-1)


class AttentionDecoder(nn.Module):
    """A Transformer decoder over the second encoder's output, for comparison with CTC and transducer (arXiv 1909.06317).

    Token 0, the blank elsewhere, begins and ends a sentence here.
    """

    def __init__(self, settings: dict, dimension: int, vocabulary: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dimension)
        layer = nn.TransformerDecoderLayer(
            dimension, settings["heads"], settings["feedForward"], dropout=0.1, activation="relu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, settings["layers"], nn.LayerNorm(dimension))
        self.projection = nn.Linear(dimension, vocabulary)

    def forward(self, tokens: Tensor, encoded: Tensor, lengths: Tensor) -> Tensor:
        """Logits of what follows each of `tokens` [B, U] (0 first): [B, U, V]."""
        count, width = tokens.shape[1], encoded.shape[2]
        place = torch.arange(count, device=tokens.device, dtype=torch.float32)[:, None]
        rate = 10000.0 ** (-torch.arange(0, width, 2, device=tokens.device, dtype=torch.float32) / width)
        positions = torch.stack([(place * rate).sin(), (place * rate).cos()], dim=-1).flatten(1)
        hidden = self.embedding(tokens) * math.sqrt(width) + positions
        later = torch.ones(count, count, dtype=torch.bool, device=tokens.device).triu(1)
        outside = torch.arange(encoded.shape[1], device=tokens.device)[None, :] >= lengths[:, None]
        return self.projection(self.layers(hidden, encoded, tgt_mask=later, memory_key_padding_mask=outside))


class FeatureStatistics(nn.Module):
    """`features.mean` and `features.standardDeviation`, [melBins] each: measured on the training set, not learnt."""

    def __init__(self, bins: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(bins))
        self.register_buffer("standardDeviation", torch.ones(bins))


@dataclass
class Output:
    """Everything that one forward pass makes; padded to the longest utterance of the batch."""

    lengths: Tensor
    subsampled: Tensor
    blocks: list[Tensor]
    exits: list[Tensor]
    second: list[Tensor] | None
    second_logits: Tensor | None


class Recogniser(nn.Module):
    def __init__(self, settings: ModelSettings, dropout: float = 0.0, second_dropout: float | None = None):
        """`second_dropout` is the second encoder's; None: the same."""
        super().__init__()
        self.settings = settings
        # Training may begin with the lowest blocks alone; None means all of them and the second pass.
        self.depth: int | None = None
        # In training: `probability` and `levels` of the noise between the passes; None for none.
        self.codecNoise: dict | None = None
        dimension = settings.encoder["dimension"]
        self.features = FeatureStatistics(settings.features.melBins)
        self.subsampling = Subsampling(settings.features.melBins, settings.subsampling["channels"], dimension)
        self.encoder = Encoder(settings.encoder, settings.vocabulary, dropout)
        if settings.secondEncoder is not None:
            self.secondEncoder = SecondEncoder(
                settings.secondEncoder, dimension, settings.vocabulary, dropout if second_dropout is None else second_dropout
            )
            self.transducer = Transducer(settings.transducer, settings.secondEncoder["dimension"], settings.vocabulary)
        if settings.attentionDecoder is not None:
            self.attentionDecoder = AttentionDecoder(settings.attentionDecoder, settings.secondEncoder["dimension"], settings.vocabulary)
        self._start_near_identity()

    def _start_near_identity(self, scale: float = 0.1) -> None:
        """Makes the branches of every block small at the start, so that a deep exit sees what a shallow one sees.

        With PyTorch's own start each block adds noise of the size of its input: exits after four blocks learnt for
        hundreds of steps after the first had left the plateau, and the second encoder last (measured, recipe english).
        """
        for block in self.modules():
            if isinstance(block, Block):
                outputs = [block.feedForward1.contract, block.feedForward2.contract, block.convolution.pointwise2]
                if block.type != "convolution":
                    outputs.append(block.attention.output)
                for layer in outputs:
                    layer.weight.data.mul_(scale)
                    layer.bias.data.zero_()

    @torch.no_grad()
    def grow(self) -> list[str]:
        """From `depth` blocks to the whole model: untrained heads start from the deepest trained one.

        The new blocks still are close to the identity, so the deep exits begin where the shallow one has come to.
        Returns the names of the tensors that were set.
        """
        trained = self.encoder.afterBlock.index(self.depth)
        source = self.encoder.exits[trained].projection
        heads = {f"encoder.exits.{e}.projection": self.encoder.exits[e].projection for e in range(trained + 1, len(self.encoder.exits))}
        changed = []
        if self.settings.secondEncoder is not None:
            if self.secondEncoder.input.weight.shape[0] == self.secondEncoder.input.weight.shape[1]:
                nn.init.eye_(self.secondEncoder.input.weight)
                nn.init.zeros_(self.secondEncoder.input.bias)
                changed.append("secondEncoder.input")
            heads["secondEncoder.projection"] = self.secondEncoder.projection
        for name, head in heads.items():
            if head.weight.shape == source.weight.shape:
                head.load_state_dict(source.state_dict())
                changed.append(name)
        self.depth = None
        return [f"{name}.{kind}" for name in changed for kind in ("weight", "bias")]

    def normalise(self, log_mel: Tensor) -> Tensor:
        return normalise(log_mel, self.features.mean, self.features.standardDeviation, self.settings.features)

    def forward(self, normalised: Tensor, frames: Tensor) -> Output:
        """normalised [B, T, melBins], frames [B] true log-mel lengths → logits of every head."""
        x = self.subsampling(normalised)
        lengths = subsampled(frames)
        blocks, exits = self.encoder(x, lengths, self.depth)
        second, second_logits = None, None
        if self.settings.secondEncoder is not None and self.depth is None:
            sent = codec_noise(blocks[-1], **self.codecNoise) if self.codecNoise and self.training else blocks[-1]
            second, second_logits = self.secondEncoder(sent, lengths)
        return Output(lengths, x, blocks, exits, second, second_logits)


def parameter_counts(model: Recogniser) -> dict[str, int]:
    """Parameters of the device's half and of the edge's half."""
    edge = sum(value.numel() for name, value in model.named_parameters() if not on_device(name))
    return {"device": sum(value.numel() for value in model.parameters()) - edge, "edge": edge}


def start_new_blocks(weights: dict[str, Tensor], taken: dict[str, Tensor], blocks: int) -> None:
    """Gives blocks of the second encoder that `weights` lack their predecessor's last norm, in `taken`.

    A block ends in a norm, which would undo the one before it; its branches are small at the start.
    """
    for number in range(1, blocks):
        for kind in ("weight", "bias"):
            name, before = (f"secondEncoder.blocks.{place}.normalization.{kind}" for place in (number, number - 1))
            if name not in weights and before in taken:
                taken[name] = taken[before]


def inherit(model: Recogniser, weights: dict[str, Tensor], origin: object) -> None:
    """Starts a model from another's `weights`, so that it says what the other says, also where it is larger.

    Wider feed-forward layers (Net2Net, arXiv 1511.05641): the new units are drawn at random and nothing listens to them yet. More blocks in the
    second encoder begin close to the identity. `origin` is what errors name.

    Raises ValueError where the two differ in anything else.
    """
    wanted = model.state_dict()
    taken: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name not in wanted:
            raise ValueError(f"{origin}: {name} has no place in the recipe's model; model.* must be as in its model.json, or larger")
        target = wanted[name].clone()
        if value.shape == target.shape:
            taken[name] = value
        elif ".expand." in name and value.shape[0] < target.shape[0] and value.shape[1:] == target.shape[1:]:
            target[: value.shape[0]] = value
            taken[name] = target
        elif name.endswith(".contract.weight") and value.shape[0] == target.shape[0] and value.shape[1] < target.shape[1]:
            target.zero_()
            target[:, : value.shape[1]] = value
            taken[name] = target
        else:
            raise ValueError(f"{origin}: {name} is {list(value.shape)}, the recipe's model has {list(target.shape)}; only feedForward may grow")
    if model.settings.secondEncoder is not None:
        start_new_blocks(weights, taken, len(model.settings.secondEncoder["blocks"]))
    missing = [name for name in wanted if name not in taken and not name.startswith("secondEncoder.blocks.")]
    if missing:
        raise ValueError(f"{origin}: lacks {missing[0]}, which the recipe's model has; only blocks of the second encoder may be added")
    model.load_state_dict({**wanted, **taken})


def on_device(tensor: str) -> bool:
    """Whether a tensor belongs into device.safetensors."""
    return not tensor.startswith(("secondEncoder.", "transducer.", "attentionDecoder."))

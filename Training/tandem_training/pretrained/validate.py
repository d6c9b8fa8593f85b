"""Greedy word errors of the exits and of the decoder on a cache that lies on the device."""

from __future__ import annotations

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from ..evaluate import Evaluation
from ..vocabulary import Vocabulary
from .resident import SHORTEST, STEP, Clips, Speech
from .whisper import SAMPLE_RATE, Whisper, log_mel


def ctc_text(logits: Tensor, vocabulary: Vocabulary) -> list[str]:
    """Best path of every row of [B, T, V]: repeats merged, blanks dropped."""
    best = logits.argmax(-1)
    keep = best != 0
    keep[:, 1:] &= best[:, 1:] != best[:, :-1]
    return [vocabulary.decode(row[kept].tolist()) for row, kept in zip(best.cpu(), keep.cpu())]


def _next(decoder, tokens: Tensor, place: int, kept: list[tuple[Tensor, Tensor] | None], crossed: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Logits [B, V] after one more token [B] at `place`; keys and values of the tokens before are in `kept`, of the memory in `crossed`."""
    def attend(part, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        return part.output(functional.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2))

    x = (decoder.embedding(tokens) + decoder.positions[place])[:, None]
    for number, layer in enumerate(decoder.layers):
        own, other = layer.selfAttention, layer.crossAttention
        y = own.norm(x)
        keys, values = own.split(own.key(y)), own.split(own.value(y))
        if kept[number] is not None:
            keys, values = torch.cat([kept[number][0], keys], 2), torch.cat([kept[number][1], values], 2)
        kept[number] = keys, values
        x = x + attend(own, own.split(own.query(y)), keys, values)
        x = layer.feedForward(x + attend(other, other.split(other.query(other.norm(x))), *crossed[number]))
    return decoder.logits(decoder.norm(x)[:, 0])


@torch.no_grad()
def decoder_tokens(decoder, memory: Tensor, prompt: list[int], end: int, longest: int, allowed: Tensor) -> list[list[int]]:
    """Greedy search of a batch, memory [B, T, d]; `allowed` [V] is added to the scores."""
    parts = [layer.crossAttention for layer in decoder.layers]
    crossed = [(part.split(part.key(memory)), part.split(part.value(memory))) for part in parts]
    kept: list[tuple[Tensor, Tensor] | None] = [None] * len(parts)
    going = torch.ones(memory.shape[0], dtype=torch.bool, device=memory.device)
    written: list[Tensor] = []
    token = torch.full((memory.shape[0],), prompt[0], device=memory.device)
    for place in range(len(prompt) + longest - 1):
        logits = _next(decoder, token, place, kept, crossed)
        if place + 1 < len(prompt):
            token = torch.full_like(token, prompt[place + 1])
            continue
        best = (logits.float() + allowed).argmax(-1)
        going = going & (best != end)
        token = torch.where(going, best, end)
        written.append(token)
        # Looking costs a wait for the device: not at every token.
        if place % 8 == 0 and not bool(going.any()):
            break
    return [[token for token in row if token != end] for row in torch.stack(written, 1).tolist()]


def clean(text: str) -> str:
    return " ".join("".join(letter for letter in text.upper() if letter == "'" or letter == " " or "A" <= letter <= "Z").split())


def batches(clips: Clips, chosen: numpy.ndarray, seconds: float) -> list[tuple[numpy.ndarray, int]]:
    """Clips of nearly equal length together, and the samples of their window: half a second more than the longest."""
    made, batch = [], []
    for clip in chosen[numpy.argsort(clips.samples[chosen])]:
        window = max(SHORTEST, -(-(int(clips.samples[clip]) + SAMPLE_RATE // 2) // STEP) * STEP)
        if batch and ((len(batch) + 1) * window > seconds * SAMPLE_RATE or window > 1.15 * batch[0][1]):
            made.append((numpy.array([clip for clip, _ in batch]), batch[-1][1]))
            batch = []
        batch.append((clip, window))
    made.append((numpy.array([clip for clip, _ in batch]), batch[-1][1]))
    return made


@torch.no_grad()
def validate(
    model: Whisper, speech: Speech, clips: Clips, vocabulary: Vocabulary, tokenizer, prompt: list[int], end: int,
    seconds: float = 600.0, most: int | None = None, precision: torch.dtype = torch.float32, decode: bool = True, half=None,
) -> Evaluation:
    """Every `most`-th part of the clips at their true lengths; `half(x at the split...)` is the codec stage's way to the memory."""
    model.eval()
    device, result = speech.device, Evaluation()
    allowed = torch.zeros(model.size.tokens, device=device)
    allowed[end + 1:] = -torch.inf
    chosen = numpy.arange(len(clips.text))
    if most is not None and most < chosen.size:
        chosen = numpy.random.default_rng(1).permutation(chosen)[:most]
    for batch, window in batches(clips, chosen, seconds):
        rows = torch.from_numpy(batch).to(device)
        place = torch.arange(window, device=device)[None]
        inside = place < speech.count[rows][:, None]
        wave = speech.samples[torch.where(inside, speech.offset[rows][:, None] + place, 0)].float() / 32768 * inside
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            features = log_mel(wave, model.size.mel)
            memory, exits = model.encode(features) if half is None else half(features)
            found = {f"exit{depth}": ctc_text(logits, vocabulary) for depth, logits in exits.items()}
            if decode:
                longest = min(200, 12 + int(window / SAMPLE_RATE * 8))
                ids = decoder_tokens(model.decoder, memory, prompt, end, longest, allowed)
                found["decoder"] = [clean(tokenizer.decode(row)) for row in ids]
        for path, texts in found.items():
            for clip, text in zip(batch, texts):
                result.add(path, clips.set[clip], clips.text[clip], text)
    model.train()
    return result


def table(result: Evaluation) -> str:
    """Rates in percent, a line a set."""
    rates = result.rates()
    sets = sorted(next(iter(rates.values())))
    lines = [f"{'set':18}" + "".join(f"{path:>10}" for path in rates)]
    lines += [f"{name:18}" + "".join(f"{100 * rates[path][name]:10.1f}" for path in rates) for name in sets]
    return "\n".join(lines)

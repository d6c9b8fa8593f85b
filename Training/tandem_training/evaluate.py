"""Greedy decoding and word error rates of every exit and of the transducer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .data import Cache, Clip, Item, batches_by_length, load_batch
from .features import frame_count, log_mel
from .model import Recogniser
from .progress import progress
from .vocabulary import Vocabulary

MAXIMUM_SYMBOLS = 5  # a frame, in time-synchronous transducer search


def ctc_greedy(logits: Tensor, length: int) -> list[int]:
    """Best token a frame, repeats merged, blanks dropped: logits [T, V]."""
    best = logits[:length].argmax(-1).tolist()
    return [token for place, token in enumerate(best) if token != 0 and (place == 0 or token != best[place - 1])]


@torch.no_grad()
def transducer_greedy(model: Recogniser, encoded: Tensor, lengths: Tensor) -> list[list[int]]:
    """Time-synchronous greedy search of a batch: encoded [B, T, d2] → token ids.

    At each frame tokens are emitted while blank is not the most probable of the V factorised probabilities,
    at most MAXIMUM_SYMBOLS of them.
    """
    transducer = model.transducer
    context = transducer.predictor.context
    batch = encoded.shape[0]
    history = torch.zeros(batch, context, dtype=torch.long, device=encoded.device)
    tokens: list[list[int]] = [[] for _ in range(batch)]
    for frame in range(int(lengths.max())):
        active = frame < lengths
        for _ in range(MAXIMUM_SYMBOLS):
            best = transducer.log_probabilities(encoded[:, frame], history).argmax(-1)
            active = active & (best != 0)
            if not bool(active.any()):
                break
            history = torch.where(active[:, None], torch.cat([history[:, 1:], best[:, None]], dim=1), history)
            for row in active.nonzero().flatten().tolist():
                tokens[row].append(int(best[row]))
    return tokens


@torch.no_grad()
def attention_greedy(model: Recogniser, encoded: Tensor, lengths: Tensor, longest: int = 120) -> list[list[int]]:
    """Greedy search of the attention decoder: token after token until 0, which ends a sentence."""
    tokens = torch.zeros(encoded.shape[0], 1, dtype=torch.long, device=encoded.device)
    going = torch.ones(encoded.shape[0], dtype=torch.bool, device=encoded.device)
    for _ in range(min(longest, int(lengths.max()))):
        best = model.attentionDecoder(tokens, encoded, lengths)[:, -1].argmax(-1)
        going = going & (best != 0)
        if not bool(going.any()):
            break
        tokens = torch.cat([tokens, torch.where(going, best, 0)[:, None]], dim=1)
    return [[token for token in row[1:] if token != 0] for row in tokens.tolist()]


@dataclass
class WordErrors:
    """Word errors against a reference, counted over utterances."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    words: int = 0
    utterances: int = 0

    @property
    def rate(self) -> float:
        return (self.substitutions + self.deletions + self.insertions) / max(1, self.words)

    def add(self, reference: list[str], hypothesis: list[str]) -> None:
        """Levenshtein alignment; among equally cheap alignments the one with the most substitutions."""
        row = [(j, 0, 0, j) for j in range(len(hypothesis) + 1)]  # cost, substitutions, deletions, insertions
        for i, word in enumerate(reference, start=1):
            previous, row = row, [(i, 0, i, 0)]
            for j, other in enumerate(hypothesis, start=1):
                cost, s, d, n = previous[j - 1]
                diagonal = (cost, s, d, n) if word == other else (cost + 1, s + 1, d, n)
                cost, s, d, n = previous[j]
                deletion = (cost + 1, s, d + 1, n)
                cost, s, d, n = row[j - 1]
                insertion = (cost + 1, s, d, n + 1)
                row.append(min(diagonal, deletion, insertion, key=lambda item: item[0]))
        _, s, d, n = row[-1]
        self.substitutions += s
        self.deletions += d
        self.insertions += n
        self.words += len(reference)
        self.utterances += 1

    def merge(self, other: "WordErrors") -> None:
        for name in ("substitutions", "deletions", "insertions", "words", "utterances"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Evaluation:
    """Word errors by path (`exit1` …, `second-ctc`, `transducer`) and set; "all" pools the sets."""

    errors: dict[str, dict[str, WordErrors]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(WordErrors)))

    def add(self, path: str, set: str, reference: str, hypothesis: str) -> None:
        for name in (set, "all"):
            self.errors[path][name].add(reference.split(), hypothesis.split())

    def rates(self) -> dict[str, dict[str, float]]:
        return {path: {name: errors.rate for name, errors in sorted(sets.items())} for path, sets in self.errors.items()}


@torch.no_grad()
def evaluate(
    model: Recogniser, vocabulary: Vocabulary, cache: Cache, clips: list[Clip],
    batch_seconds: float = 120.0, precision: str = "float32",
) -> Evaluation:
    """Greedy word errors of every path over clips, without augmentation."""
    import random

    training, device = model.training, next(model.parameters()).device
    model.eval()
    settings = model.settings.features
    result = Evaluation()
    batches = batches_by_length([Item((clip,)) for clip in clips], batch_seconds, settings.tailSamples, random.Random(0))
    for items in progress(batches, len(batches), "evaluating"):
        batch = load_batch(items, cache, vocabulary.encode, settings.tailSamples)
        features = log_mel(torch.from_numpy(batch.samples).to(device), settings)
        frames = frame_count(torch.from_numpy(batch.sample_counts).to(device), settings)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            output = model(model.normalise(features), frames)
            second = transducer_greedy(model, output.second[-1], output.lengths) if output.second else None
            attended = attention_greedy(model, output.second[-1], output.lengths) if output.second and model.settings.attentionDecoder else None
        for row, item in enumerate(items):
            length, name = int(output.lengths[row]), item.clips[0].set
            for number, logits in enumerate(output.exits, start=1):
                result.add(f"exit{number}", name, item.text, vocabulary.decode(ctc_greedy(logits[row], length)))
            if second is not None:
                result.add("second-ctc", name, item.text, vocabulary.decode(ctc_greedy(output.second_logits[row], length)))
                result.add("transducer", name, item.text, vocabulary.decode(second[row]))
            if attended is not None:
                result.add("attention", name, item.text, vocabulary.decode(attended[row]))
    model.train(training)
    return result

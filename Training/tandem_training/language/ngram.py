"""Back-off n-gram models as sorted arrays: looking up, normalising, measuring, mixing.

An n-gram is one unsigned 64-bit key, 16 bits a word, the newest word lowest: so `key >> 16` is its
context, and sorting by key groups n-grams by context. That bounds vocabularies to 65,535 words and
orders to 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy
from numpy import ndarray

UNKNOWN, START, END = 0, 1, 2
SPECIAL = ["<unk>", "<s>", "</s>"]
WORD_BITS = numpy.uint64(16)
WORD_MASK = numpy.uint64(0xFFFF)
MAXIMUM_WORDS = 65_535
MAXIMUM_ORDER = 4
# What stands for the logarithm of nothing, as in ARPA files.
LOG_ZERO = -99 * float(numpy.log(10))


def contexts(keys: ndarray) -> ndarray:
    return keys >> WORD_BITS


def suffixes(keys: ndarray, order: int) -> ndarray:
    """The n-grams without their oldest word."""
    return keys & numpy.uint64((1 << (16 * (order - 1))) - 1)


def find(sorted_keys: ndarray, wanted: ndarray) -> tuple[ndarray, ndarray]:
    """Positions of `wanted` in `sorted_keys`, and whether they are there."""
    places = numpy.searchsorted(sorted_keys, wanted)
    places[places == len(sorted_keys)] = 0
    return places, (sorted_keys[places] == wanted) if len(sorted_keys) else numpy.zeros(len(wanted), bool)


@dataclass
class NGramModel:
    """Natural logarithms throughout.

    `keys[n - 1]`, `log_probabilities[n - 1]` [count of order n]; `log_backoffs[n - 1]` likewise for all orders but the
    highest. Order 1 holds every word. Every n-gram's context is an n-gram of the order below.
    """

    words: list[str]
    keys: list[ndarray]
    log_probabilities: list[ndarray]
    log_backoffs: list[ndarray]

    @property
    def order(self) -> int:
        return len(self.keys)

    @property
    def counts(self) -> list[int]:
        return [len(keys) for keys in self.keys]

    def log_probability(self, keys: ndarray, order: int) -> ndarray:
        """log P(newest word | the words before it) of n-grams of `order`, seen or not (Katz's back-off scheme)."""
        if order == 1:
            return self.log_probabilities[0][keys.astype(numpy.int64)]
        result = self.log_probability(suffixes(keys, order), order - 1)
        if order > self.order:
            return result
        places, there = find(self.keys[order - 2], contexts(keys))
        result = result + numpy.where(there, self.log_backoffs[order - 2][places], 0)
        places, there = find(self.keys[order - 1], keys)
        return numpy.where(there, self.log_probabilities[order - 1][places], result) if len(self.keys[order - 1]) else result

    def score(self, text: "Text") -> ndarray:
        """log P of every word and sentence end of a text, in order (sentence starts are not predicted)."""
        result = numpy.zeros(len(text.tokens))
        available = text.available
        for order in range(1, self.order + 1):
            # Words that have exactly this much of their sentence before them.
            here = available == order if order < self.order else available >= order
            result[here] = self.log_probability(text.grams(order)[here], order)
        return result[available > 1]

    def perplexity(self, text: "Text") -> float:
        """exp of the mean negative log P, sentence ends included, unknown words counted as <unk>."""
        return float(numpy.exp(-self.score(text).mean()))

    def normalise(self) -> None:
        """Sets the back-off weights so that each context's probabilities sum to one."""
        for order in range(2, self.order + 1):
            keys = self.keys[order - 1]
            places, there = find(self.keys[order - 2], contexts(keys))
            if not there.all():
                raise ValueError(f"an n-gram of order {order} stands without its context")
            size = len(self.keys[order - 2])
            seen = numpy.bincount(places, numpy.exp(self.log_probabilities[order - 1]), size)
            lower = numpy.bincount(places, numpy.exp(self.log_probability(suffixes(keys, order), order - 1)), size)
            weights = numpy.zeros(size)
            used = numpy.bincount(places, minlength=size) > 0
            # A context after which nearly everything was seen leaves next to nothing on either side.
            left, lower_left = numpy.maximum(1 - seen[used], 1e-9), numpy.maximum(1 - lower[used], 1e-9)
            weights[used] = numpy.log(left) - numpy.log(lower_left)
            self.log_backoffs[order - 2] = weights

    def write_arpa(self, path: Path) -> None:
        """The text format that other toolkits read (logarithms to base 10)."""
        with open(path, "w", encoding="utf-8") as file:
            file.write("\\data\\\n" + "".join(f"ngram {n + 1}={count}\n" for n, count in enumerate(self.counts)))
            for n in range(self.order):
                file.write(f"\n\\{n + 1}-grams:\n")
                shifts = [16 * (n - i) for i in range(n + 1)]
                scale = 1 / numpy.log(10)
                for i, key in enumerate(self.keys[n]):
                    text = " ".join(self.words[(int(key) >> shift) & 0xFFFF] for shift in shifts)
                    backoff = f"\t{self.log_backoffs[n][i] * scale:.7g}" if n < self.order - 1 else ""
                    file.write(f"{self.log_probabilities[n][i] * scale:.7g}\t{text}{backoff}\n")
            file.write("\n\\end\\\n")


class Text:
    """Sentences as word numbers: one array, each sentence between START and END."""

    def __init__(self, sentences: list[list[int]]):
        flat: list[int] = []
        for sentence in sentences:
            flat.append(START)
            flat.extend(sentence)
            flat.append(END)
        self.tokens = numpy.asarray(flat, numpy.uint64)
        # How many words, itself included, each word's n-gram can reach back to within its sentence.
        starts = numpy.flatnonzero(self.tokens == START)
        position = numpy.arange(len(self.tokens))
        self.available = position - starts[numpy.searchsorted(starts, position, side="right") - 1] + 1 if len(starts) else position

    def grams(self, order: int) -> ndarray:
        """The key of the n-gram that ends at each token; meaningless where `available < order`."""
        keys = self.tokens.copy()
        for back in range(1, order):
            keys[back:] |= self.tokens[:-back] << numpy.uint64(16 * back)
        return keys

    def counted(self, order: int) -> tuple[ndarray, ndarray]:
        """The distinct n-grams within sentences, sorted, and how often each occurs."""
        return numpy.unique(self.grams(order)[self.available >= order], return_counts=True)


def mix(models: list[NGramModel], weights: list[list[float]]) -> NGramModel:
    """Linear interpolation as one back-off model: the union of the n-grams, each with the weighted mean of its probabilities.

    `weights[0]`: of each model within sentences; `weights[n - 1]`: for n-grams of order n that begin with the sentence.
    """
    order = models[0].order
    keys, mixed = [models[0].keys[0]], []
    for n in range(2, order + 1):
        keys.append(numpy.unique(numpy.concatenate([model.keys[n - 1] for model in models])))
    for n in range(1, order + 1):
        at_start = (keys[n - 1] >> numpy.uint64(16 * (n - 1))) == START
        total = numpy.zeros(len(keys[n - 1]))
        for i, model in enumerate(models):
            weight = numpy.where(at_start, weights[n - 1][i], weights[0][i])
            total += weight * numpy.exp(model.log_probability(keys[n - 1], n))
        mixed.append(numpy.log(numpy.maximum(total, 1e-40)))
    mixed[0][START] = LOG_ZERO
    result = NGramModel(models[0].words, keys, mixed, [numpy.zeros(len(keys[n])) for n in range(order - 1)])
    result.normalise()
    return result


def tune_weights(models: list[NGramModel], texts: list[Text], iterations: int = 50) -> list[list[float]]:
    """Weights for `mix` by expectation maximisation on the texts.

    A sentence's first words have weights of their own, for which each text counts the same, however long it is: whether it is one
    of the single words of a command set or a line of a book shows there, and what is right for one would starve the other.
    """
    order = models[0].order
    scores = [numpy.exp(numpy.stack([model.score(text) for model in models])) for text in texts]
    places = [text.available[text.available > 1] for text in texts]
    result = []
    for n in range(1, order + 1):
        chosen = [score[:, place == n if n > 1 else place > order] for score, place in zip(scores, places)]
        chosen = [score for score in chosen if score.shape[1] > 0]
        if n == 1 and chosen:
            chosen = [numpy.concatenate(chosen, axis=1)]
        weights = numpy.full(len(models), 1 / len(models))
        for _ in range(iterations if chosen else 0):
            shares = [((weights[:, None] * score) / (weights @ score)).mean(axis=1) for score in chosen]
            weights = numpy.mean(shares, axis=0)
        # No source is ever ruled out.
        weights = numpy.maximum(weights, 1e-3)
        result.append([float(weight) for weight in weights / weights.sum()])
    return result

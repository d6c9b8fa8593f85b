"""Entropy pruning (Stolcke 1998, cs/0006025): drops the n-grams that the model misses least."""

from __future__ import annotations

import numpy
from numpy import ndarray

from .ngram import NGramModel, contexts, find, suffixes


def losses(model: NGramModel, order: int, context_probabilities: ndarray) -> ndarray:
    """By how much (relative entropy, nats a word) dropping each n-gram of `order` alone would change the model.

    `context_probabilities`: of every n-gram of the order below, how often it is a context. Stolcke computes them from the model
    itself; lower orders of Kneser-Ney say in how many contexts a word occurs, not how often, so here they come from counts.
    """
    keys = model.keys[order - 1]
    parents, _ = find(model.keys[order - 2], contexts(keys))
    size = len(model.keys[order - 2])
    log_p = model.log_probabilities[order - 1]
    log_lower = model.log_probability(suffixes(keys, order), order - 1)
    p, lower = numpy.exp(log_p), numpy.exp(log_lower)
    left = numpy.maximum(1 - numpy.bincount(parents, p, size), 1e-9)[parents]
    lower_left = numpy.maximum(1 - numpy.bincount(parents, lower, size), 1e-9)[parents]
    old_backoff = numpy.log(left) - numpy.log(lower_left)
    new_backoff = numpy.log(left + p) - numpy.log(numpy.minimum(lower_left + lower, 1.0))
    change = p * (log_lower + new_backoff - log_p) + left * (new_backoff - old_backoff)
    return -context_probabilities[parents] * change


def prune(model: NGramModel, threshold: float, losses_by_order: list[ndarray]) -> NGramModel:
    """The model without the n-grams whose loss is below `threshold`, unless a longer one needs them as its context.

    `losses_by_order[n - 2]` belongs to order n.
    """
    kept: list[ndarray] = [numpy.ones(len(keys), bool) for keys in model.keys]
    for order in range(model.order, 1, -1):
        keep = losses_by_order[order - 2] >= threshold
        if order < model.order:
            needed, _ = find(model.keys[order - 1], numpy.unique(contexts(model.keys[order][kept[order]])))
            keep[needed] = True
        kept[order - 1] = keep
    result = NGramModel(
        model.words,
        [keys[keep] for keys, keep in zip(model.keys, kept)],
        [values[keep] for values, keep in zip(model.log_probabilities, kept)],
        [values[keep].copy() for values, keep in zip(model.log_backoffs, kept)],
    )
    result.normalise()
    return result


def prune_to_size(model: NGramModel, size_of, limit: int, losses_by_order: list[ndarray]) -> tuple[NGramModel, float]:
    """The largest pruned model of which `size_of(counts)` is at most `limit` bytes, and its threshold.

    Raises ValueError when even the words alone are too large.
    """
    pooled = numpy.concatenate(losses_by_order)
    pooled = numpy.log(numpy.maximum(pooled, 1e-300))
    low, high = float(pooled.min()), float(pooled.max()) + 1
    if size_of(model.counts) <= limit:
        return prune(model, 0, losses_by_order), 0.0
    if size_of([model.counts[0]] + [0] * (model.order - 1)) > limit:
        raise ValueError(f"{model.counts[0]} words alone need more than {limit} bytes: allow more bytes or fewer words")
    best = None
    for _ in range(22):
        middle = (low + high) / 2
        counts = _counts(model, float(numpy.exp(middle)), losses_by_order)
        if size_of(counts) <= limit:
            high, best = middle, middle
        else:
            low = middle
    threshold = float(numpy.exp(high if best is None else best))
    return prune(model, threshold, losses_by_order), threshold


def _counts(model: NGramModel, threshold: float, losses_by_order: list[ndarray]) -> list[int]:
    counts = [0] * model.order
    counts[0] = model.counts[0]
    kept = None
    for order in range(model.order, 1, -1):
        keep = losses_by_order[order - 2] >= threshold
        if kept is not None:
            needed, _ = find(model.keys[order - 1], numpy.unique(contexts(model.keys[order][kept])))
            keep[needed] = True
        counts[order - 1] = int(keep.sum())
        kept = keep
    return counts

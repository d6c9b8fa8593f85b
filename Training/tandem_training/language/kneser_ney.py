"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999)."""

from __future__ import annotations

import numpy
from numpy import ndarray

from .ngram import LOG_ZERO, START, NGramModel, Text, contexts, find, suffixes

# For counts of counts from which no discounts follow, such as those of a tiny or repetitive text.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


def discounts(counts: ndarray) -> tuple[float, float, float]:
    """Chen and Goodman's discounts for n-grams seen once, twice, and more often."""
    once, twice, thrice, four = (float((counts == k).sum()) for k in (1, 2, 3, 4))
    if min(once, twice, thrice, four) == 0:
        return FALLBACK_DISCOUNTS
    y = once / (once + 2 * twice)
    found = (1 - 2 * y * twice / once, 2 - 3 * y * thrice / twice, 3 - 4 * y * four / thrice)
    if not all(0 < value < k for k, value in enumerate(found, start=1)):
        return FALLBACK_DISCOUNTS
    return found


def estimate(text: Text, words: list[str], order: int) -> NGramModel:
    """The model of a text whose word numbers point into `words`.

    Lower orders count in how many contexts an n-gram occurs instead of how often, except behind a sentence's start, where nothing
    can come before. Words of `words` that the text lacks get their share of the uniform distribution below the unigrams.
    """
    size = len(words)
    raw = [text.counted(n) for n in range(1, order + 1)]
    keys: list[ndarray] = [numpy.arange(size, dtype=numpy.uint64)]
    counts: list[ndarray] = []
    for n in range(1, order + 1):
        found, number = raw[n - 1]
        if n < order:
            extensions, ways = numpy.unique(suffixes(raw[n][0], n + 1), return_counts=True)
            places, there = find(extensions, found)
            starts = (found >> numpy.uint64(16 * (n - 1))) == START
            number = numpy.where(starts | ~there, number, ways[places])
        if n == 1:
            whole = numpy.zeros(size)
            whole[found.astype(numpy.int64)] = number
            # A sentence's start is given, never predicted.
            whole[START] = 0
            counts.append(whole)
        else:
            keys.append(found)
            counts.append(number.astype(numpy.float64))

    log_probabilities, log_backoffs = [], []
    for n in range(1, order + 1):
        number = counts[n - 1]
        one, two, more = discounts(number)
        discount = numpy.select([number == 0, number == 1, number == 2], [0.0, one, two], more)
        if n == 1:
            total = number.sum()
            # Everything but the start shares what the discounts leave.
            probability = (number - discount) / total + discount.sum() / total / (size - 1)
            probability[START] = 0
        else:
            parents, there = find(keys[n - 2], contexts(keys[n - 1]))
            assert there.all()
            parent_count = len(keys[n - 2])
            totals = numpy.bincount(parents, number, parent_count)
            left = numpy.bincount(parents, discount, parent_count)
            gamma = numpy.divide(left, totals, out=numpy.ones(parent_count), where=totals > 0)
            log_backoffs.append(numpy.log(gamma))
            lower_places, lower_there = find(keys[n - 2], suffixes(keys[n - 1], n))
            assert lower_there.all()
            probability = (number - discount) / totals[parents] + gamma[parents] * numpy.exp(log_probabilities[n - 2][lower_places])
        with numpy.errstate(divide="ignore"):
            log_probabilities.append(numpy.maximum(numpy.log(probability), LOG_ZERO))
    return NGramModel(words, keys, log_probabilities, log_backoffs)

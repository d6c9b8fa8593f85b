"""The language-model file, as docs/model-format.md specifies it: writing, and reading back."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy
from numpy import ndarray

from .ngram import LOG_ZERO, MAXIMUM_ORDER, MAXIMUM_WORDS, START, NGramModel, contexts, find

MAGIC = b"TANDEMLM"
VERSION = 1
HEADER = struct.Struct("<8sIIII4IQ16x")
CODES = 256


def size_of(counts: list[int], text_bytes: int) -> int:
    """Bytes of a file with so many n-grams of each order and so many bytes of words."""
    order = len(counts)
    sections = [HEADER.size, CODES * 4 * (2 * order - 1), 4 * (counts[0] + 1), text_bytes]
    for n in range(1, order + 1):
        if n > 1:
            sections.append(2 * counts[n - 1])
        sections.append(counts[n - 1])
        if n < order:
            sections += [counts[n - 1], 4 * (counts[n - 1] + 1)]
    return sum(-(-section // 8) * 8 for section in sections)


def quantise(values: ndarray, weights: ndarray | None = None, iterations: int = 40) -> tuple[ndarray, ndarray]:
    """A codebook of 256 float32 values, ascending, and a code for each value: Lloyd's algorithm.

    `weights`: how much each value's error counts. A value that is exactly 0 stays exactly 0: most back-off weights are.
    """
    weights = numpy.ones(len(values)) if weights is None else weights
    nonzero = values != 0
    has_zero = not nonzero.all()
    room = CODES - 1 if has_zero else CODES
    order = numpy.argsort(values[nonzero], kind="stable")
    ordered, weight = values[nonzero][order], weights[nonzero][order]
    distinct = numpy.unique(ordered.astype(numpy.float32))
    if len(distinct) <= room:
        centres = distinct.astype(numpy.float64)
    else:
        mass = numpy.concatenate([[0], numpy.cumsum(weight)])
        sums = numpy.concatenate([[0], numpy.cumsum(weight * ordered)])
        # The best quantiser's values lie as densely as the cube root of what they stand for (Panter and Dite 1951).
        grid = numpy.linspace(ordered[0], ordered[-1], 8 * CODES + 1)
        places = numpy.searchsorted(ordered, grid[1:-1])
        density = numpy.cbrt(numpy.diff(mass[numpy.concatenate([[0], places, [len(ordered)]])]))
        spread = numpy.concatenate([[0], numpy.cumsum(density)])
        cuts = numpy.interp(numpy.linspace(0, spread[-1], room + 1)[1:-1], spread, grid)
        edges = numpy.concatenate([[0], numpy.searchsorted(ordered, cuts), [len(ordered)]])
        for _ in range(iterations):
            edges = numpy.unique(edges)
            centres = (sums[edges[1:]] - sums[edges[:-1]]) / (mass[edges[1:]] - mass[edges[:-1]])
            middles = (centres[1:] + centres[:-1]) / 2
            edges = numpy.concatenate([[0], numpy.searchsorted(ordered, middles), [len(ordered)]])
    if has_zero:
        centres = numpy.append(centres, 0.0)
    book = numpy.unique(centres.astype(numpy.float32))
    middles = (book[1:].astype(numpy.float64) + book[:-1]) / 2
    codes = numpy.searchsorted(middles, values)
    if has_zero:
        codes[values == 0] = numpy.searchsorted(book, numpy.float32(0))
    # The rest of the book repeats its last value, so that any code is valid.
    return numpy.concatenate([book, numpy.full(CODES - len(book), book[-1], numpy.float32)]), codes.astype(numpy.uint8)


def write(model: NGramModel, path: Path) -> int:
    """Writes a model; returns the file's bytes."""
    order, counts = model.order, model.counts
    if not 1 <= order <= MAXIMUM_ORDER:
        raise ValueError(f"order {order} does not fit into the file; it takes 1 to {MAXIMUM_ORDER}")
    if counts[0] > MAXIMUM_WORDS:
        raise ValueError(f"{counts[0]} words do not fit into the file; it takes {MAXIMUM_WORDS}")
    text = [word.encode("ascii") for word in model.words]
    books: list[ndarray] = []
    probability_codes, backoff_codes = [], []
    for n in range(order):
        values = model.log_probabilities[n].copy()
        if n == 0:
            # Never asked for; it must not spoil the codebook.
            values[START] = values[numpy.arange(len(values)) != START].min()
        # Few n-grams are probable, but these are asked for most.
        book, codes = quantise(numpy.minimum(values, 0), numpy.exp(values / 2))
        books.append(book)
        probability_codes.append(codes)
    for n in range(order - 1):
        book, codes = quantise(model.log_backoffs[n])
        books.append(book)
        backoff_codes.append(codes)

    sections = [numpy.concatenate(books).astype("<f4").tobytes()]
    sections.append(numpy.concatenate([[0], numpy.cumsum([len(word) for word in text])]).astype("<u4").tobytes())
    sections.append(b"".join(text))
    for n in range(order):
        if n > 0:
            sections.append((model.keys[n] & numpy.uint64(0xFFFF)).astype("<u2").tobytes())
        sections.append(probability_codes[n].tobytes())
        if n < order - 1:
            sections.append(backoff_codes[n].tobytes())
            parents, _ = find(model.keys[n], contexts(model.keys[n + 1]))
            children = numpy.bincount(parents, minlength=counts[n])
            sections.append(numpy.concatenate([[0], numpy.cumsum(children)]).astype("<u4").tobytes())
    size = size_of(counts, len(sections[2]))
    padded = counts + [0] * (MAXIMUM_ORDER - order)
    content = HEADER.pack(MAGIC, VERSION, order, counts[0], len(sections[2]), *padded, size)
    for section in sections:
        content += section + bytes(-len(section) % 8)
    assert len(content) == size
    path.write_bytes(content)
    return size


def read(path: Path) -> NGramModel:
    """A model as the file holds it, its numbers being those of the codebooks."""
    content = path.read_bytes()
    magic, version, order, words, text_bytes, *rest = HEADER.unpack_from(content)
    counts, size = rest[:order], rest[4]
    if magic != MAGIC or version != VERSION or size != len(content) or size != size_of(counts, text_bytes):
        raise ValueError(f"{path} is no language model of version {VERSION}, or it is truncated; build it again")
    place = HEADER.size

    def take(kind: str, count: int) -> ndarray:
        nonlocal place
        section = numpy.frombuffer(content, kind, count, place)
        place += -(-section.nbytes // 8) * 8
        return section

    books = take("<f4", CODES * (2 * order - 1)).reshape(-1, CODES).astype(numpy.float64)
    offsets = take("<u4", words + 1)
    text = take("u1", text_bytes).tobytes()
    keys = [numpy.arange(words, dtype=numpy.uint64)]
    log_probabilities, log_backoffs, children = [], [], []
    for n in range(order):
        if n > 0:
            parents = numpy.repeat(keys[n - 1], numpy.diff(children[n - 1].astype(numpy.int64)))
            keys.append(parents << numpy.uint64(16) | take("<u2", counts[n]).astype(numpy.uint64))
        log_probabilities.append(books[n][take("u1", counts[n])])
        if n < order - 1:
            log_backoffs.append(books[order + n][take("u1", counts[n])])
            children.append(take("<u4", counts[n] + 1))
    log_probabilities[0] = log_probabilities[0].copy()
    log_probabilities[0][START] = LOG_ZERO
    names = [text[offsets[i]:offsets[i + 1]].decode("ascii") for i in range(words)]
    return NGramModel(names, keys, log_probabilities, log_backoffs)

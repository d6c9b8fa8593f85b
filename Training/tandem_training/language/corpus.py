"""Where the language model's sentences come from: text files, a manifest's transcripts, the grammar."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..data import ManifestError, read_manifest
from . import grammar
from .ngram import MAXIMUM_WORDS, SPECIAL, UNKNOWN, Text

SENTENCE = re.compile(r"^[A-Z']+( [A-Z']+)*$")


@dataclass
class Source:
    """Sentences of one kind, upper case; a mixture gives each source its weight."""

    name: str
    sentences: list[str]


def read_text(paths: list[Path]) -> Source:
    """One sentence a line; letters, apostrophes and spaces in either case; `.gz` is unpacked."""
    sentences = []
    for path in paths:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
        with opened as file:
            for number, line in enumerate(file, start=1):
                sentence = " ".join(line.upper().split())
                if not sentence:
                    continue
                if not SENTENCE.match(sentence):
                    raise ValueError(f"{path}:{number}: only A-Z, apostrophes and spaces can be learnt, not {sentence[:60]!r}")
                sentences.append(sentence)
    return Source("+".join(path.name.split(".")[0] for path in paths), sentences)


def read_transcripts(manifest: Path, split: str) -> list[Source]:
    """The transcripts of one split, a source for each data set."""
    sets: dict[str, list[str]] = {}
    for recording in read_manifest(manifest):
        if recording.split == split:
            sets.setdefault(recording.set, []).append(recording.text)
    if not sets:
        raise ManifestError(f"{manifest}: no line has the split {split!r}")
    return [Source(name, sentences) for name, sentences in sorted(sets.items())]


def draw_grammar(seed: int, count: int) -> Source:
    return Source("grammar", grammar.sentences(seed, count))


def choose_words(free: list[Source], whole: list[Source], minimum: int, maximum: int) -> list[str]:
    """The vocabulary: every word of the sources `whole`, then those of `free` that occur at least `minimum` times, frequent ones
    first, until there are `maximum`. Special words first, then sorted, as the file wants them.
    """
    words = {word for source in whole for sentence in source.sentences for word in sentence.split()}
    counts = Counter(word for source in free for sentence in source.sentences for word in sentence.split())
    limit = min(maximum, MAXIMUM_WORDS) - len(SPECIAL)
    if len(words) > limit:
        raise ValueError(f"the transcripts and the grammar alone have {len(words)} words; allow more than {maximum} with --words")
    for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count < minimum or len(words) >= limit:
            break
        words.add(word)
    return SPECIAL + sorted(words)


def encode(source: Source, index: dict[str, int]) -> Text:
    return Text([[index.get(word, UNKNOWN) for word in sentence.split()] for sentence in source.sentences])

"""How much of dev and test stands in the texts that a language model learns from: to be known before its error rates are believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ..data import read_manifest

SHORTEST = 4  # words of a sentence that counts: shorter ones stand in every book by chance
GRAM = 5


def grams(words: list[str], length: int) -> Iterable[tuple[str, ...]]:
    return (tuple(words[place : place + length]) for place in range(len(words) - length + 1))


def overlap(sentences: dict[tuple[str, str], set[str]], texts: Iterable[str]) -> list[dict]:
    """For each (split, set): its distinct sentences of at least `SHORTEST` words, how many of them stand in a line of `texts` as they are,
    and the share of their distinct runs of `GRAM` words that do. `texts` is gone through once.
    """
    wanted_grams: dict[tuple[str, ...], set] = defaultdict(set)
    by_start: dict[tuple[str, ...], list[tuple[list[str], tuple]]] = defaultdict(list)
    counted = {}
    for key, distinct in sentences.items():
        long = sorted(sentence for sentence in distinct if len(sentence.split()) >= SHORTEST)
        every = {gram for sentence in long for gram in grams(sentence.split(), GRAM)}
        counted[key] = (long, every)
        for gram in every:
            wanted_grams[gram].add(key)
        for sentence in long:
            words = sentence.split()
            by_start[tuple(words[:SHORTEST])].append((words, key))
    seen_grams: dict[tuple, set] = defaultdict(set)
    seen_sentences: dict[tuple, set] = defaultdict(set)
    for line in texts:
        words = line.upper().split()
        for gram in grams(words, GRAM):
            for key in wanted_grams.get(gram, ()):
                seen_grams[key].add(gram)
        for place, start in enumerate(grams(words, SHORTEST)):
            for sentence, key in by_start.get(start, ()):
                if words[place : place + len(sentence)] == sentence:
                    seen_sentences[key].add(" ".join(sentence))
    return [
        {"split": split, "set": set_, "sentences": len(long), "found": len(seen_sentences[split, set_]),
         "runs": len(every), "foundRuns": len(seen_grams[split, set_])}
        for (split, set_), (long, every) in sorted(counted.items()) if long
    ]


def manifest_sentences(manifest: Path) -> dict[tuple[str, str], set[str]]:
    """Distinct texts of every split but train, by split and set."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for recording in read_manifest(manifest):
        if recording.split != "train":
            found[recording.split, recording.set].add(recording.text)
    return dict(found)

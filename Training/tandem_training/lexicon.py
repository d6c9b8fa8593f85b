"""A pronunciation lexicon, for the auxiliary phone CTC in training. Nothing of it ships in the model."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

ENTRY = re.compile(r"^(?P<word>[a-z']+)\s+(?P<phones>[A-Z0-2 ]+?)\s*(#.*)?$")


class LexiconError(Exception):
    """A lexicon that cannot be used; the message names the file."""


def read_cmudict(path: Path) -> dict[str, list[str]]:
    """Word (upper case) to ARPAbet phones without stress, from a file in CMUdict's format, gzipped or not.

    Of several pronunciations the first counts; words with other characters than letters and apostrophe are left out.
    """
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    lexicon: dict[str, list[str]] = {}
    with opened as file:
        for line in file:
            entry = ENTRY.match(line)
            if entry:
                lexicon.setdefault(entry["word"].upper(), [phone.rstrip("012") for phone in entry["phones"].split()])
    if not lexicon:
        raise LexiconError(f"{path}: holds no line in CMUdict's format, such as `hello HH AH0 L OW1`")
    return lexicon


class Lexicon:
    """Phone ids of texts; id 0 is CTC's blank."""

    def __init__(self, words: dict[str, list[str]]):
        self.words = words
        self.phones = sorted({phone for phones in words.values() for phone in phones})
        self._index = {phone: number for number, phone in enumerate(self.phones, start=1)}

    @property
    def size(self) -> int:
        """Outputs of a head over these phones, blank included."""
        return len(self.phones) + 1

    def encode(self, text: str) -> list[int] | None:
        """The phones of a text, or None when the lexicon lacks one of its words."""
        ids: list[int] = []
        for word in text.split():
            phones = self.words.get(word)
            if phones is None and word.endswith("'S"):
                # Possessives that the lexicon lacks are regular, but for the voicing, which a head may get wrong.
                stem = self.words.get(word[:-2])
                phones = stem and "Z" in self._index and [*stem, "Z"]
            if not phones:
                return None
            ids += [self._index[phone] for phone in phones]
        return ids

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.words), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Lexicon":
        if not path.exists():
            raise LexiconError(f"{path} is not there; run `python -m tandem_training prepare` with --lexicon first")
        return Lexicon(json.loads(path.read_text(encoding="utf-8")))

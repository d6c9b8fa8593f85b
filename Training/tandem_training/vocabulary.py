"""Tokens: characters, or sub-words by byte pair encoding (Sennrich et al., arXiv 1508.07909).

`vocabulary.json` alone is enough to encode text: sub-words stand in the order in which they were
merged, and encoding applies the earliest possible merge first.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

BLANK = "<blank>"
WORD_START = "▁"
LETTERS = ["'"] + [chr(code) for code in range(ord("A"), ord("Z") + 1)]


class Vocabulary:
    """The tokens of a model; index 0 is the blank."""

    def __init__(self, kind: str, tokens: list[str]):
        if kind not in ("characters", "subwords"):
            raise ValueError(f"vocabulary: kind {kind!r} is unknown; use characters or subwords")
        if not tokens or tokens[0] != BLANK:
            raise ValueError(f"vocabulary: token 0 must be {BLANK}")
        self.kind = kind
        self.tokens = tokens
        self.index = {token: number for number, token in enumerate(tokens)}
        missing = [symbol for symbol in [WORD_START, *LETTERS] if symbol not in self.index]
        if missing:
            raise ValueError(f"vocabulary: every letter must be a token; missing: {' '.join(missing)}")
        self._words: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    @staticmethod
    def characters() -> "Vocabulary":
        return Vocabulary("characters", [BLANK, WORD_START, *LETTERS])

    @staticmethod
    def subwords(words: Counter[str], size: int) -> "Vocabulary":
        """Byte pair encoding over counted words until there are `size` tokens (or nothing left to merge)."""
        spelled = {word: [WORD_START, *word] for word in words}
        tokens = [BLANK, WORD_START, *LETTERS]
        while len(tokens) < size:
            pairs: Counter[tuple[str, str]] = Counter()
            for word, symbols in spelled.items():
                for pair in zip(symbols, symbols[1:]):
                    pairs[pair] += words[word]
            # A pair that occurs once teaches nothing; ties are broken by spelling so that a run repeats.
            candidates = [(count, pair) for pair, count in pairs.items() if count > 1 and "".join(pair) not in tokens]
            if not candidates:
                break
            _, best = min(candidates, key=lambda item: (-item[0], item[1]))
            tokens.append("".join(best))
            for word, symbols in spelled.items():
                spelled[word] = _merge(symbols, *best)
        return Vocabulary("subwords", tokens)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text (upper case, words separated by single spaces)."""
        ids: list[int] = []
        for word in text.split():
            if word not in self._words:
                self._words[word] = self._encode_word(word)
            ids += self._words[word]
        return ids

    def _encode_word(self, word: str) -> list[int]:
        symbols = [WORD_START, *word]
        while self.kind == "subwords" and len(symbols) > 1:
            merges = [self.index.get(left + right, len(self)) for left, right in zip(symbols, symbols[1:])]
            if min(merges) == len(self):
                break
            place = merges.index(min(merges))
            symbols = _merge(symbols, symbols[place], symbols[place + 1])
        try:
            return [self.index[symbol] for symbol in symbols]
        except KeyError as error:
            raise ValueError(f"the word {word!r} holds {error}, which is no token; text is A-Z and apostrophe") from error

    def decode(self, ids: list[int]) -> str:
        """Text of token ids: joined, ▁ to space, trimmed."""
        return "".join(self.tokens[i] for i in ids if i != 0).replace(WORD_START, " ").strip()

    def save(self, path: Path) -> None:
        content = {"kind": self.kind, "tokens": self.tokens}
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Vocabulary":
        content = json.loads(path.read_text(encoding="utf-8"))
        return Vocabulary(content["kind"], content["tokens"])


def _merge(symbols: list[str], left: str, right: str) -> list[str]:
    merged, place = [], 0
    while place < len(symbols):
        if place + 1 < len(symbols) and symbols[place] == left and symbols[place + 1] == right:
            merged.append(left + right)
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return merged

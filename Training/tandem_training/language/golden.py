"""Tiny language models with what they say of some sentences: the Swift reader must say the same.

    python -m tandem_training.language.golden --out ../Tests/ConformerTests/Golden/language
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .corpus import Source, choose_words, encode
from .file import read, write
from .grammar import sentences
from .kneser_ney import estimate

PROBES = [
    "TURN ON THE KITCHEN LIGHT", "TURN THE LIGHT OFF", "WAKE ME UP AT SEVEN O'CLOCK", "ALEXA STOP", "STOP", "KITCHEN KITCHEN KITCHEN",
    "TURN ON THE SUBMARINE LIGHT", "THE", "WHAT TIME IS IT", "SET A TIMER FOR FIVE MINUTES", "PLEASE",
]


def write_golden(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for order in (1, 2, 3, 4):
        source = Source("grammar", sentences(7, 400))
        words = choose_words([], [source], 1, 1000)
        # Without a few words, so that there are unknown ones.
        words = [word for word in words if word not in ("SUBMARINE", "JACK", "PIZZA")]
        index = {word: number for number, word in enumerate(words)}
        name = f"order{order}.ngrams"
        write(estimate(encode(source, index), words, order), folder / name)
        model = read(folder / name)
        for probe in PROBES:
            text = encode(Source("probe", [probe]), index)
            records.append({"file": name, "text": probe, "logProbabilities": [round(float(value), 6) for value in model.score(text)]})
    # Words of two letters, for searches that can be compared with trying everything.
    source = Source("letters", "A|A|AB|AB A|BA|BA AB|A BA|AB A A|BA A AB|B A".split("|"))
    words = [word for word in choose_words([], [source], 1, 100) if word != "B"]
    index = {word: number for number, word in enumerate(words)}
    write(estimate(encode(source, index), words, 3), folder / "letters.ngrams")
    (folder / "scores.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tandem_training.language.golden", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    write_golden(parser.parse_args().out)

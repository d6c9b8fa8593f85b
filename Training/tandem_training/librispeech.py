"""A manifest of LibriSpeech (openslr.org/12): `SUBSET/SPEAKER/CHAPTER/*.flac` beside `SPEAKER-CHAPTER.trans.txt`."""

from __future__ import annotations

from pathlib import Path

from .data import ManifestError, TEXT


def librispeech_manifest(folder: Path, output: Path) -> dict[str, int]:
    """Writes a manifest of every subset that the folder holds; paths are absolute. Returns the utterances by subset.

    `train-*` becomes the split train, `dev-*` dev and `test-*` test; the subset's name is the set, so that error rates are
    reported for each.
    """
    counts: dict[str, int] = {}
    lines = []
    for transcripts in sorted(folder.glob("*/*/*/*.trans.txt")):
        subset, speaker = transcripts.parts[-4], transcripts.parts[-3]
        split = subset.split("-")[0]
        if split not in ("train", "dev", "test"):
            continue
        for number, line in enumerate(transcripts.read_text(encoding="utf-8").splitlines(), start=1):
            name, _, text = line.strip().partition(" ")
            if not TEXT.match(text):
                raise ManifestError(f"{transcripts}:{number}: the text {text!r} must be upper case A-Z, apostrophes and single spaces")
            audio = transcripts.parent / f"{name}.flac"
            if not audio.exists():
                raise ManifestError(f"{transcripts}:{number}: {audio} is not there; unpack the whole subset")
            lines.append(f"{audio.resolve()}\t{subset}\t{split}\t{speaker}\t{text}\n")
            counts[subset] = counts.get(subset, 0) + 1
    if not lines:
        raise ManifestError(f"{folder}: holds no SUBSET/SPEAKER/CHAPTER/*.trans.txt; name the folder LibriSpeech itself")
    output.write_text("path\tset\tsplit\tspeaker\ttext\n" + "".join(lines), encoding="utf-8")
    return counts

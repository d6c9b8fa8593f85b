"""From a manifest to batches: the decoded cache, training items and their batches.

A manifest is a tab separated file whose first line names the columns; `path` (relative to the
manifest), `split` and `text` are needed, `set` and `speaker` are used where they are there.
"""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy
import soundfile
from scipy.signal import fftconvolve

from .audio import AudioError, SAMPLE_RATE, read_audio
from .progress import progress

SHORT = 2 * SAMPLE_RATE  # clips of single words and wake phrases, whose silence `tightProbability` may cut
TEXT = re.compile(r"^[A-Z']+( [A-Z']+)*$")


class ManifestError(Exception):
    """A manifest that cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class Recording:
    """One line of a manifest."""

    path: Path
    set: str
    split: str
    speaker: str
    text: str


@dataclass(frozen=True)
class Clip:
    """One recording in the decoded cache: `samples` 16-bit samples from `offset`."""

    path: str
    set: str
    speaker: str
    text: str
    offset: int
    samples: int


def read_manifest(path: Path, needs_text: bool = True) -> list[Recording]:
    """The recordings that a manifest lists, checked line by line."""
    recordings = []
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        needed = {"path", "split", "text"} if needs_text else {"path"}
        missing = needed - set(rows.fieldnames or [])
        if missing:
            raise ManifestError(f"{path}: the first line must name the columns {', '.join(sorted(missing))}, tab separated")
        for line, row in enumerate(rows, start=2):
            text = (row.get("text") or "").strip()
            if needs_text and not TEXT.match(text):
                raise ManifestError(
                    f"{path}:{line}: the text {text!r} must be upper case A-Z, apostrophes and single spaces"
                )
            recordings.append(
                Recording(
                    path=path.parent / row["path"],
                    set=row.get("set") or "all",
                    split=row.get("split") or "all",
                    speaker=row.get("speaker") or "",
                    text=text,
                )
            )
    return recordings


def _decode(recording: Recording) -> numpy.ndarray | str:
    try:
        return read_audio(recording.path)
    except AudioError as error:
        return str(error)


def prepare(recordings: list[Recording], cache: Path, name: str, processes: int) -> tuple[int, list[str]]:
    """Decodes recordings once into `cache/name.pcm` (16-bit, 16 kHz) with `cache/name.jsonl` as its index.

    Returns the number of samples and the complaints about files that could not be read. The index is
    written last and both are renamed into place, so a cache that can be opened is whole.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pcm, index = cache / f"{name}.pcm", cache / f"{name}.jsonl"
    offset, complaints, lines = 0, [], []
    with open(f"{pcm}.partial", "wb") as file, multiprocessing.Pool(processes) as pool:
        decoded = pool.imap(_decode, recordings, chunksize=32)
        for recording, samples in zip(recordings, progress(decoded, len(recordings), f"decoding {name}")):
            if isinstance(samples, str):
                complaints.append(samples)
                continue
            file.write(samples.tobytes())
            lines.append(
                json.dumps(
                    {
                        "path": str(recording.path), "set": recording.set, "speaker": recording.speaker,
                        "text": recording.text, "offset": offset, "samples": int(samples.size),
                    }
                )
            )
            offset += int(samples.size)
    Path(f"{index}.partial").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    os.replace(f"{pcm}.partial", pcm)
    os.replace(f"{index}.partial", index)
    return offset, complaints


# libsndfile's compression levels of Ogg Opus that make about 7, 9 and 12 kbit/s of 16 kHz speech.
OPUS_LEVELS = (1.0, 0.99, 0.98)


def through_opus(samples: numpy.ndarray, level: float) -> numpy.ndarray:
    """16-bit samples coded at a low rate and decoded again; as many as went in."""
    coded = io.BytesIO()
    soundfile.write(coded, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=level)
    coded.seek(0)
    decoded, _ = soundfile.read(coded, dtype="int16")
    return numpy.resize(decoded, samples.size) if decoded.size >= samples.size else numpy.pad(decoded, (0, samples.size - decoded.size))


def prepare_opus(cache: Path, name: str, processes: int) -> None:
    """Writes `cache/name.opus.pcm`: every clip of `name` through Opus at a low rate, laid out as `name.pcm` is."""
    source = Cache(cache, name)
    partial = cache / f"{name}.opus.pcm.partial"
    jobs = ((source.raw(clip), OPUS_LEVELS[number % len(OPUS_LEVELS)]) for number, clip in enumerate(source.clips))
    with open(partial, "wb") as file, multiprocessing.Pool(processes) as pool:
        for samples in progress(pool.imap(_through_opus, jobs, chunksize=16), len(source.clips), f"opus {name}"):
            file.write(samples.tobytes())
    os.replace(partial, cache / f"{name}.opus.pcm")


def _through_opus(job: tuple[numpy.ndarray, float]) -> numpy.ndarray:
    return through_opus(*job)


def base_name(name: str) -> str:
    """The cache that a name like `train/-fsdd@2` takes its clips from."""
    return name.partition("@")[0].partition("/")[0]


class Cache:
    """Decoded recordings of one split, memory-mapped.

    `name/set` is one set of `name`, `name/-set` all but that set; `name@2.5` is the first 2.5 hours of a seeded shuffle of what is named.
    """

    def __init__(self, folder: Path, name: str):
        (whole, _, hours), name = name.partition("@"), base_name(name)
        only = whole.partition("/")[2]
        index = folder / f"{name}.jsonl"
        if not index.exists():
            raise FileNotFoundError(f"{index} is not there; run `python -m tandem_training prepare` first")
        with open(index, encoding="utf-8") as file:
            self.clips = [Clip(**json.loads(line)) for line in file]
        if only:
            self.clips = [clip for clip in self.clips if (clip.set != only[1:] if only.startswith("-") else clip.set == only)]
            if not self.clips:
                raise ManifestError(f"{index}: nothing is left of it for {name}/{only}; the last part names a set")
        if hours:
            order = self.clips[:]
            random.Random(f"{name}/subset").shuffle(order)
            left, self.clips = float(hours) * 3600 * SAMPLE_RATE, []
            for clip in order:
                if left <= 0:
                    break
                self.clips.append(clip)
                left -= clip.samples
        self._pcm = numpy.memmap(folder / f"{name}.pcm", dtype=numpy.int16, mode="r")
        coded = folder / f"{name}.opus.pcm"
        self._coded = numpy.memmap(coded, dtype=numpy.int16, mode="r") if coded.exists() else None

    @property
    def is_coded(self) -> bool:
        """Whether there is a copy that went through Opus."""
        return self._coded is not None

    @property
    def pcm(self) -> numpy.ndarray:
        """All samples of the file behind this cache, 16-bit, mapped; a clip's begin at its `offset`."""
        return self._pcm

    def raw(self, clip: Clip) -> numpy.ndarray:
        """A clip's 16-bit samples, shape [samples]."""
        return numpy.asarray(self._pcm[clip.offset : clip.offset + clip.samples])

    def samples(self, clip: Clip, coded: bool = False) -> numpy.ndarray:
        """A clip's samples in [-1, 1], float32, shape [samples]; `coded` asks for the one that went through Opus, where there is one."""
        source = self._coded if coded and self._coded is not None else self._pcm
        return source[clip.offset : clip.offset + clip.samples].astype(numpy.float32) / 32768.0


@dataclass(frozen=True)
class Item:
    """One training utterance: a clip, or several short ones one after the other."""

    clips: tuple[Clip, ...]

    @property
    def samples(self) -> int:
        return sum(clip.samples for clip in self.clips)

    @property
    def text(self) -> str:
        return " ".join(clip.text for clip in self.clips)


@dataclass(frozen=True)
class Source:
    """What a stretch of an augmented utterance is made of: `length` samples from sample `start` of `clip`, `factor` times as fast."""

    clip: Clip
    start: int
    factor: float
    length: int


@dataclass
class Batch:
    """samples [B, longest] zero padded (tail included), sample_counts [B], targets [B, U], target_counts [B]; where the samples come from."""

    samples: numpy.ndarray
    sample_counts: numpy.ndarray
    targets: numpy.ndarray
    target_counts: numpy.ndarray
    sources: list[list[Source]]


@dataclass(frozen=True)
class Augmentation:
    """The recipe's `augmentation`; probabilities a clip, and their ranges. Before `fromEpoch` only the gain varies."""

    fromEpoch: int = 0
    speedProbability: float = 0.0
    speedRange: tuple[float, float] = (0.9, 1.1)
    noiseProbability: float = 0.0
    noiseDecibels: tuple[float, float] = (5.0, 25.0)
    gainDecibels: tuple[float, float] = (0.0, 0.0)
    telephoneProbability: float = 0.0
    tightProbability: float = 0.0
    roomProbability: float = 0.0
    opusProbability: float = 0.0
    frequencyMasks: int = 0
    frequencyMaskBins: int = 15
    timeMasks: int = 0
    timeMaskFrames: int = 25
    padProbability: float = 0.0
    padSeconds: tuple[float, float] = (0.0, 5.0)
    hissDecibels: tuple[float, float] = (-60.0, -40.0)
    humProbability: float = 0.0
    emptyShare: float = 0.0

    def at(self, epoch: int) -> "Augmentation":
        """What holds in an epoch: a young model learns faster from clean speech."""
        return self if epoch >= self.fromEpoch else Augmentation(gainDecibels=self.gainDecibels)


def epoch_items(clips: list[Clip], generator: random.Random, concatenation: dict | None) -> list[Item]:
    """Every clip once, in random order; short clips are strung together with `concatenation`.

    Single words of a second waste frames on padding and teach no sequences, so clips shorter than
    `belowSeconds` are joined until a length drawn from `seconds`; the share `alone` stays single, as at test time.
    """
    order = clips[:]
    generator.shuffle(order)
    if not concatenation:
        return [Item((clip,)) for clip in order]
    below = concatenation["belowSeconds"] * SAMPLE_RATE
    items, pending, length, target = [], [], 0, 0.0
    for clip in order:
        if clip.samples >= below or generator.random() < concatenation["alone"]:
            items.append(Item((clip,)))
            continue
        if not pending:
            target = generator.uniform(*concatenation["seconds"]) * SAMPLE_RATE
        pending.append(clip)
        length += clip.samples
        if length >= target:
            items.append(Item(tuple(pending)))
            pending, length = [], 0
    if pending:
        items.append(Item(tuple(pending)))
    return items


def batches_by_length(items: list[Item], batch_seconds: float, tail: int, generator: random.Random) -> list[list[Item]]:
    """Items of similar length together, at most `batch_seconds` with padding in each; batches in random order."""
    ordered = sorted(items, key=lambda item: item.samples * generator.uniform(0.95, 1.05))
    batches: list[list[Item]] = []
    longest = 0
    for item in ordered:
        longest_with = max(longest, item.samples + tail)
        if batches and longest_with * (len(batches[-1]) + 1) <= batch_seconds * SAMPLE_RATE:
            batches[-1].append(item)
            longest = longest_with
        else:
            batches.append([item])
            longest = item.samples + tail
    generator.shuffle(batches)
    return batches


def change_speed(samples: numpy.ndarray, factor: float) -> numpy.ndarray:
    """Faster (factor > 1) or slower, pitch and all, by linear interpolation: cheap, and good enough at 16 kHz."""
    count = int(samples.size / factor)
    place = numpy.arange(count, dtype=numpy.float64) * factor
    left = numpy.minimum(place.astype(numpy.int64), samples.size - 2)
    part = (place - left).astype(numpy.float32)
    return samples[left] * (1 - part) + samples[left + 1] * part


def cut_tight(samples: numpy.ndarray, generator: random.Random) -> tuple[int, int]:
    """First sample and end of what lies between a clip's first and last loud 10 ms, give or take up to 30 ms: as recordings cut by a detector begin.

    Loud is within 15 to 30 decibels of the loudest. Clips that this would leave shorter than 0.15 s stay as they are.
    """
    frame = SAMPLE_RATE // 100
    count = samples.size // frame
    if count < 15:
        return 0, samples.size
    power = numpy.mean(samples[: count * frame].reshape(count, frame) ** 2, axis=1)
    loud = numpy.flatnonzero(power > power.max() * 10.0 ** (-generator.uniform(15.0, 30.0) / 10.0))
    if loud.size == 0:
        return 0, samples.size
    first = max(0, int(loud[0]) - generator.randint(0, 3)) * frame
    last = min(count, int(loud[-1]) + 1 + generator.randint(0, 3)) * frame
    return (first, last) if last - first >= 15 * frame else (0, samples.size)


def add_noise(samples: numpy.ndarray, noise: numpy.ndarray, decibels: float) -> numpy.ndarray:
    """Adds noise at a signal-to-noise ratio; noise is at least as long as the samples."""
    signal, other = float(numpy.mean(samples**2)), float(numpy.mean(noise**2))
    if signal <= 0.0 or other <= 0.0:
        return samples
    return samples + noise * numpy.float32((signal / other / 10.0 ** (decibels / 10.0)) ** 0.5)


def in_room(samples: numpy.ndarray, response: numpy.ndarray) -> numpy.ndarray:
    """Speech as it sounds in a room, as loud as before; the reverberation's tail behind the end is cut."""
    heard = fftconvolve(samples, response)[: samples.size].astype(numpy.float32)
    before, after = float(numpy.mean(samples**2)), float(numpy.mean(heard**2))
    return heard * numpy.float32((before / after) ** 0.5) if after > 0 else heard


def load_batch(
    items: list[Item], cache: Cache, encode, tail: int,
    augmentation: Augmentation | None = None, noise: Cache | None = None, generator: random.Random | None = None,
    rooms: numpy.ndarray | None = None,
) -> Batch:
    """Reads and augments the samples of a batch; `encode` turns a text into token ids, `rooms` [N, taps] are responses."""
    waves, origins = [], []
    for item in items:
        parts, origin = [], []
        for clip in item.clips:
            coded = bool(augmentation and augmentation.opusProbability and generator.random() < augmentation.opusProbability)
            part, start, factor = cache.samples(clip, coded), 0, 1.0
            if augmentation and clip.samples < SHORT and generator.random() < augmentation.tightProbability:
                start, end = cut_tight(part, generator)
                part = part[start:end]
            if augmentation and part.size > 1 and generator.random() < augmentation.speedProbability:
                factor = generator.uniform(*augmentation.speedRange)
                part = change_speed(part, factor)
            if augmentation and augmentation.gainDecibels != (0.0, 0.0):
                part = part * numpy.float32(10.0 ** (generator.uniform(*augmentation.gainDecibels) / 20.0))
            parts.append(part)
            origin.append(Source(clip, start, factor, part.size))
        wave = numpy.concatenate(parts) if len(parts) > 1 else parts[0]
        if augmentation and rooms is not None and generator.random() < augmentation.roomProbability:
            wave = in_room(wave, rooms[generator.randrange(len(rooms))])
        if augmentation and noise and generator.random() < augmentation.noiseProbability:
            recording = noise.samples(generator.choice(noise.clips))
            start = generator.randrange(recording.size)
            looped = numpy.resize(numpy.roll(recording, -start), wave.size)
            wave = add_noise(wave, looped, generator.uniform(*augmentation.noiseDecibels))
        waves.append(numpy.clip(wave, -1.0, 1.0))
        origins.append(origin)
    targets = [encode(item.text) for item in items]
    samples = numpy.zeros((len(items), max(wave.size for wave in waves) + tail), dtype=numpy.float32)
    padded = numpy.zeros((len(items), max(1, max(len(target) for target in targets))), dtype=numpy.int64)
    for row, (wave, target) in enumerate(zip(waves, targets)):
        samples[row, : wave.size] = wave
        padded[row, : len(target)] = target
    return Batch(
        samples, numpy.array([wave.size + tail for wave in waves]), padded, numpy.array([len(target) for target in targets]),
        origins,
    )


def spectral_masks(features: numpy.ndarray, frames: numpy.ndarray, augmentation: Augmentation, generator: random.Random) -> None:
    """SpecAugment (arXiv 1904.08779) in place on normalised features [B, T, bins]; masked values become 0, the mean."""
    bins = features.shape[2]
    for row, count in enumerate(frames):
        for _ in range(augmentation.frequencyMasks):
            width = generator.randint(0, augmentation.frequencyMaskBins)
            start = generator.randint(0, bins - width)
            features[row, :, start : start + width] = 0.0
        for _ in range(augmentation.timeMasks):
            # At most a tenth of the utterance in one mask, or single words vanish.
            width = generator.randint(0, min(augmentation.timeMaskFrames, int(count) // 10))
            start = generator.randint(0, max(0, int(count) - width))
            features[row, start : start + width, :] = 0.0


def telephone_band(features: numpy.ndarray, augmentation: Augmentation, generator: random.Random, floor: float) -> None:
    """Now and then the band above 3.2-3.8 kHz falls off to the floor, in place on log-mel [B, T, bins]: telephone and 8 kHz speech.

    The slope is that of recordings at 8 kHz resampled to 16: about 0.5 to 1.5 (natural logarithm of power) a bin, and nothing
    at all from some bin on. An /s/ keeps little of its energy then, and must be told by what is left.
    """
    bins = features.shape[2]
    for row in range(features.shape[0]):
        if generator.random() < augmentation.telephoneProbability:
            first = generator.randint(55, 61)  # bins whose centres lie around 3 to 3.8 kHz
            slope = generator.uniform(0.4, 1.5)
            last = min(bins, first + generator.randint(6, 12))
            features[row, :, first:last] -= slope * numpy.arange(1, last - first + 1, dtype=features.dtype)
            features[row, :, last:] = floor
            numpy.maximum(features[row], floor, out=features[row])

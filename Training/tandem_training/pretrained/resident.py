"""Speech that lies in the accelerator's memory, and batches that are cut and augmented there.

A GPU takes some 10,000 seconds of audio a second; sixteen cores cannot cook as much. So the decoded cache (`python -m tandem_training
prepare`) is loaded whole (22 hours are 2.6 GB), processes on the CPU only draw which clips, places and strengths make a batch (`Plan`),
and `Speech.waves` does the rest where the samples are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import torch
from torch import Tensor

from ..vocabulary import Vocabulary
from .whisper import SAMPLE_RATE

STEP = 640            # samples of a stacked pair of encoder frames: 40 ms
SHORTEST = 63 * STEP  # no window is shorter than 2.52 s: the decoder loops on shorter ones


@dataclass
class Clips:
    """The index of a cache: places of clips in its samples, their texts as tokens of both kinds."""

    offset: numpy.ndarray
    samples: numpy.ndarray
    set: list[str]
    text: list[str]
    ctc: list[list[int]] = field(default_factory=list)
    words: list[list[int]] = field(default_factory=list)

    @staticmethod
    def load(cache: Path, name: str, vocabulary: Vocabulary | None = None, tokenizer=None) -> "Clips":
        """With a vocabulary and a tokenizer (Hugging Face's `tokenizers`), texts become CTC and decoder tokens."""
        rows = [json.loads(line) for line in (cache / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        clips = Clips(
            numpy.array([row["offset"] for row in rows]), numpy.array([row["samples"] for row in rows]),
            [row["set"] for row in rows], [row["text"] for row in rows])
        if vocabulary is not None:
            clips.ctc = [vocabulary.encode(text) for text in clips.text]
        if tokenizer is not None:
            # Whisper's texts begin with a space; clips can then be joined token by token.
            clips.words = [tokenizer.encode(" " + text.lower(), add_special_tokens=False).ids for text in clips.text]
        return clips


@dataclass(frozen=True)
class Plan:
    """One batch, drawn: which clips stand where in which row, and how each row is made worse. Numpy arrays, cheap to send."""

    clip: numpy.ndarray      # [S] segments: index of a clip
    row: numpy.ndarray       # [S]
    place: numpy.ndarray     # [S] first sample in the row
    length: numpy.ndarray    # [S] samples in the row, after the change of speed
    speed: numpy.ndarray     # [S]
    gain: numpy.ndarray      # [S]
    window: int              # samples a row
    room: numpy.ndarray      # [B] index of a response, -1 for none
    noise: numpy.ndarray     # [B] index of a recording, -1 for none
    noiseStart: numpy.ndarray  # [B] sample in it
    noiseDecibels: numpy.ndarray  # [B] signal-to-noise ratio; for a row without speech the noise's own level (dBFS)
    hiss: numpy.ndarray      # [B] standard deviation of white noise
    low: numpy.ndarray       # [B] Hz, 0 for none: what is below is cut
    high: numpy.ndarray      # [B] Hz, 8000 for none: what is above is cut
    masks: numpy.ndarray     # [B, 4, 2] two frequency masks, two time masks: start and width in bins, 10 ms frames
    ctc: numpy.ndarray       # [B, U] CTC targets, 0-padded
    ctcCount: numpy.ndarray  # [B]
    words: numpy.ndarray     # [B, W] decoder tokens with prompt and end, -100-padded


@dataclass(frozen=True)
class Drawing:
    """What batches are made of. Shares and probabilities of the augmentation, and the decoder's special tokens."""

    batchSeconds: float
    prompt: tuple[int, ...]
    end: int
    augment: bool = True
    shares: tuple[tuple[str, float], ...] = (("speech-commands", 0.5), ("speech-to-intent", 0.5), ("fsdd", 0.7))
    empty: float = 0.015
    rooms: int = 0
    noises: tuple[int, ...] = ()  # samples of each recording


class Plans(torch.utils.data.IterableDataset):
    """Endless plans of batches; worker w of n draws every n-th batch of each epoch."""

    def __init__(self, clips: Clips, drawing: Drawing, seed: int):
        self.clips, self.drawing, self.seed = clips, drawing, seed

    def __iter__(self) -> Iterator[tuple[int, Plan]]:
        worker = torch.utils.data.get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        epoch = 0
        while True:
            batches = self._epoch(numpy.random.default_rng((self.seed, epoch)))
            for place in range(number, len(batches), count):
                yield epoch, self._plan(batches[place], numpy.random.default_rng((self.seed, epoch, place)))
            epoch += 1

    def _epoch(self, random: numpy.random.Generator) -> list[list[tuple[int, ...]]]:
        clips, shares = self.clips, dict(self.drawing.shares)
        keep = random.random(len(clips.text)) < numpy.array([shares.get(name, 1.0) for name in clips.set])
        order = random.permutation(numpy.flatnonzero(keep))
        short = clips.samples[order] < 2.2 * SAMPLE_RATE
        alone = random.random(order.size) < numpy.where(short, 0.4, 0.88)
        items = [(int(clip),) for clip in order[alone]]
        # What does not stay alone is strung together: words with words, words among sentences, sentence after sentence.
        joined, length = [], 0
        target = random.uniform(2.0, 14.0) * SAMPLE_RATE
        for clip in order[~alone]:
            size = int(clips.samples[clip])
            if joined and (length + size > target or length + size > 25 * SAMPLE_RATE):
                items.append(tuple(joined))
                joined, length, target = [], 0, random.uniform(2.0, 14.0) * SAMPLE_RATE
            joined.append(int(clip))
            length += size
        if joined:
            items.append(tuple(joined))
        lengths = numpy.array([sum(int(clips.samples[clip]) for clip in item) for item in items])
        lengths = numpy.maximum(lengths, SHORTEST - 8000) * random.uniform(0.93, 1.07, lengths.size)
        batches, batch, most = [], [], self.drawing.batchSeconds * SAMPLE_RATE
        for place in numpy.argsort(lengths):
            if batch and (len(batch) + 1) * (lengths[place] * 1.05 + 0.8 * SAMPLE_RATE) > most:
                batches.append(batch)
                batch = []
            batch.append(items[place])
        if batch:
            batches.append(batch)
        return [batches[place] for place in random.permutation(len(batches))]

    def _plan(self, items: list[tuple[int, ...]], random: numpy.random.Generator) -> Plan:
        clips, drawing = self.clips, self.drawing
        augment = drawing.augment
        if augment:
            items = items + [()] * int(random.poisson(drawing.empty * len(items)))
        rows = len(items)
        clip = numpy.array([clip for item in items for clip in item], dtype=numpy.int64)
        row = numpy.array([number for number, item in enumerate(items) for _ in item], dtype=numpy.int64)
        speed = numpy.where(random.random(clip.size) < 0.7, random.uniform(0.88, 1.14, clip.size), 1.0) if augment else numpy.ones(clip.size)
        length = (clips.samples[clip] / speed).astype(numpy.int64)
        gap = (random.uniform(0.0, 0.5, clip.size) * SAMPLE_RATE).astype(numpy.int64) if augment else numpy.zeros(clip.size, dtype=numpy.int64)
        lead = numpy.zeros(rows, dtype=numpy.int64)
        if augment:
            # One batch in twelve has long silence around its speech: its rows pay for the longer window.
            long = random.random() < 1 / 12
            lead = (numpy.where(random.random(rows) < 0.5, random.uniform(0, 0.7, rows), 0) * SAMPLE_RATE).astype(numpy.int64)
            lead += (random.uniform(0, 6, rows) * SAMPLE_RATE * long).astype(numpy.int64)
        begins = numpy.concatenate([[True], row[1:] != row[:-1]])
        gap[begins] = 0
        ends = numpy.cumsum(length + gap)
        before = ends - length
        before -= (before[begins])[numpy.cumsum(begins) - 1]
        place = before + lead[row]
        last = int((place + length).max()) if clip.size else 0
        tail = 0.5 if not augment else random.uniform(0.05, 0.9) + (random.uniform(0, 6) if long else 0)
        window = max(SHORTEST, int(last + tail * SAMPLE_RATE))
        window = min(-(-window // STEP) * STEP, 30 * SAMPLE_RATE)
        length = numpy.minimum(length, window - place).clip(0)
        masks = numpy.zeros((rows, 4, 2), dtype=numpy.int64)
        none = numpy.full(rows, -1)
        room, noise, start, decibels = none, none, numpy.zeros(rows, dtype=numpy.int64), numpy.zeros(rows)
        hiss, low, high, gain = numpy.zeros(rows), numpy.zeros(rows), numpy.full(rows, 8000.0), numpy.ones(clip.size)
        if augment:
            spoken = numpy.bincount(row, minlength=rows) > 0
            gain = 10 ** (random.uniform(-12, 4, rows)[row] / 20 + random.uniform(-3, 3, clip.size) / 20)
            if drawing.rooms:
                room = numpy.where(spoken & (random.random(rows) < 0.25), random.integers(drawing.rooms, size=rows), -1)
            if drawing.noises:
                noise = numpy.where(random.random(rows) < numpy.where(spoken, 0.45, 0.7), random.integers(len(drawing.noises), size=rows), -1)
                start = (random.random(rows) * numpy.array(drawing.noises)[noise]).astype(numpy.int64)
                decibels = numpy.where(spoken, random.uniform(2, 30, rows), random.uniform(-65, -12, rows))
            hiss = numpy.where(random.random(rows) < 0.5, 10 ** (random.uniform(-90, -50, rows) / 20), 0.0)
            narrow = random.random(rows)
            high = numpy.where(narrow < 0.2, random.uniform(3300, 4000, rows), 8000.0)
            low = numpy.where(narrow < 0.12, random.uniform(150, 350, rows), 0.0)
            masks[:, :2, 1] = random.integers(0, 14, (rows, 2))
            masks[:, :2, 0] = (random.random((rows, 2)) * (80 - masks[:, :2, 1])).astype(numpy.int64)
            frames = window // 160
            # At most a twelfth of the window in one mask, or single words vanish.
            masks[:, 2:, 1] = (random.random((rows, 2)) * min(45, frames // 12)).astype(numpy.int64)
            masks[:, 2:, 0] = (random.random((rows, 2)) * (frames - masks[:, 2:, 1])).astype(numpy.int64)
        spelled = [[token for clip in item for token in clips.ctc[clip]] for item in items]
        said = [[*drawing.prompt, *(token for clip in item for token in clips.words[clip]), drawing.end] for item in items]
        ctc = numpy.zeros((rows, max(1, max(map(len, spelled)))), dtype=numpy.int64)
        words = numpy.full((rows, max(map(len, said))), -100, dtype=numpy.int64)
        for number, (left, right) in enumerate(zip(spelled, said)):
            ctc[number, : len(left)] = left
            words[number, : len(right)] = right
        return Plan(
            clip, row, place, length, speed, gain, window, room, noise, start, decibels, hiss, low, high, masks,
            ctc, numpy.array([len(ids) for ids in spelled]), words)


FFT_ROWS = 32


def filtered(rows: Tensor, response, taps: int = 0) -> Tensor:
    """[R, N] through filters given by their spectra: `response(bins, first row, last row)` → [rows, bins] or [1, bins].

    Rows go in groups of FFT_ROWS at lengths that are powers of two or three quarters of one: cuFFT makes a plan for every new shape.
    """
    count = rows.shape[1]
    size = 1 << (count + taps - 1).bit_length()
    size = size * 3 // 4 if size * 3 // 4 >= count + taps else size
    out = torch.empty_like(rows)
    for first in range(0, rows.shape[0], FFT_ROWS):
        last = min(first + FFT_ROWS, rows.shape[0])
        part = torch.zeros(FFT_ROWS, size, device=rows.device)
        part[: last - first, :count] = rows[first:last]
        spectrum = torch.fft.rfft(part)
        spectrum[: last - first] *= response(spectrum.shape[1], first, last)
        out[first:last] = torch.fft.irfft(spectrum, size)[: last - first, :count]
    return out


class Speech:
    """Samples of a cache in a device's memory, with the noises and rooms that make them worse."""

    def __init__(self, cache: Path, name: str, device: torch.device, augmented: bool):
        def load(part: str) -> Tensor:
            return torch.from_numpy(numpy.fromfile(cache / f"{part}.pcm", dtype=numpy.int16)).to(device)

        self.device, self.samples = device, load(name)
        index = Clips.load(cache, name)
        self.offset = torch.from_numpy(index.offset).to(device)
        self.count = torch.from_numpy(index.samples).to(device)
        self.noises, self.rooms = None, None
        self.noiseLengths: tuple[int, ...] = ()
        if augmented:
            noise = Clips.load(cache, "noise")
            self.noises = load("noise")
            self.noiseOffset = torch.from_numpy(noise.offset).to(device)
            self.noiseCount = torch.from_numpy(noise.samples).to(device)
            self.noiseLengths = tuple(int(count) for count in noise.samples)
            self.rooms = torch.from_numpy(numpy.load(cache / "rooms.npy")).to(device)

    def waves(self, plan: Plan) -> Tensor:
        """Samples in [-1, 1] of a plan's rows, float32 [B, window]."""
        device, rows, window = self.device, plan.hiss.size, plan.window

        def put(values: numpy.ndarray, kind: torch.dtype | None = None) -> Tensor:
            return torch.from_numpy(values).to(device, kind, non_blocking=True)

        out = torch.zeros(rows * window, device=device)
        length = put(plan.length)
        if plan.clip.size:
            clip, total = put(plan.clip), int(plan.length.sum())
            segment = torch.repeat_interleave(torch.arange(plan.clip.size, device=device), length, output_size=total)
            begin = length.cumsum(0) - length
            position = torch.arange(total, device=device) - begin[segment]
            exact = position.float() * put(plan.speed, torch.float32)[segment]
            whole = torch.minimum(exact.long(), self.count[clip][segment] - 2).clamp(min=0)
            part = (exact - whole).clamp(0, 1)
            source = self.offset[clip][segment] + whole
            left, right = self.samples[source].float(), self.samples[source + 1].float()
            values = torch.lerp(left, right, part) * (put(plan.gain, torch.float32)[segment] / 32768)
            first = put(plan.row * window + plan.place)
            out[first[segment] + position] = values
        wave = out.view(rows, window)
        if plan.room.max() >= 0:
            chosen = numpy.flatnonzero(plan.room >= 0)
            responses = self.rooms[put(plan.room[chosen])]
            where, dry = put(chosen), wave[put(chosen)]

            def heard(bins: int, first: int, last: int) -> Tensor:
                whole = torch.zeros(FFT_ROWS, 2 * (bins - 1), device=device)
                whole[: last - first, : responses.shape[1]] = responses[first:last]
                return torch.fft.rfft(whole)[: last - first]

            wet = filtered(dry, heard, responses.shape[1])
            level = (dry.square().mean(1, keepdim=True) / wet.square().mean(1, keepdim=True).clamp(min=1e-12)).sqrt()
            wave = wave.index_copy(0, where, wet * level)
        spoken = torch.zeros(rows, device=device).index_add_(0, put(plan.row), length.float()) if plan.clip.size else torch.zeros(rows, device=device)
        if plan.noise.max() >= 0:
            chosen = numpy.flatnonzero(plan.noise >= 0)
            where, kind = put(chosen), put(plan.noise[chosen])
            time = (put(plan.noiseStart[chosen])[:, None] + torch.arange(window, device=device)) % self.noiseCount[kind][:, None]
            noise = self.noises[self.noiseOffset[kind][:, None] + time].float() / 32768
            power = noise.square().mean(1).clamp(min=1e-10)
            signal = wave[where].square().sum(1) / spoken[where].clamp(min=1)
            decibels = put(plan.noiseDecibels[chosen], torch.float32)
            wanted = torch.where(spoken[where] > 0, signal * 10 ** (-decibels / 10), 10 ** (decibels / 10))
            wave = wave.index_add(0, where, noise * (wanted / power).sqrt()[:, None])
        wave = wave + torch.randn_like(wave) * put(plan.hiss, torch.float32)[:, None]
        narrow = numpy.flatnonzero((plan.high < 8000) | (plan.low > 0))
        if narrow.size:
            where = put(narrow)
            high, low = put(plan.high[narrow], torch.float32)[:, None], put(plan.low[narrow], torch.float32)[:, None]

            def passed(bins: int, first: int, last: int) -> Tensor:
                hertz, lowest = torch.linspace(0, SAMPLE_RATE / 2, bins, device=device), low[first:last]
                return torch.sigmoid((high[first:last] - hertz) / 40) * torch.where(lowest > 0, torch.sigmoid((hertz - lowest) / 25), 1.0)

            wave = wave.index_copy(0, where, filtered(wave[where], passed))
        return wave.clamp(-1, 1)


def mask(features: Tensor, masks: Tensor) -> Tensor:
    """SpecAugment (arXiv 1904.08779): two bands and two stretches of each row of [B, bins, T] become the row's mean."""
    bins = torch.arange(features.shape[1], device=features.device)[None, None]
    frames = torch.arange(features.shape[2], device=features.device)[None, None]
    start, end = masks[..., :1], masks[..., :1] + masks[..., 1:]
    band = ((bins >= start[:, :2]) & (bins < end[:, :2])).any(1)
    stretch = ((frames >= start[:, 2:]) & (frames < end[:, 2:])).any(1)
    return torch.where(band[:, :, None] | stretch[:, None, :], features.mean((1, 2), keepdim=True), features)

"""Training data that lies on the accelerator: 22 h of 16-bit samples are 2.5 GB, so they are copied there once.

A process of its own draws what a batch is made of (which stretch of which clip, how fast, how loud, what silence around it, which noise) and sends
some kilobytes of numbers; samples are gathered, mixed and turned into log-mel where the model is. One core so feeds a GPU.
"""

from __future__ import annotations

import math
import multiprocessing
import queue
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import torch
from torch import Tensor

from . import data
from .audio import SAMPLE_RATE
from .data import Augmentation, Cache, Clip, base_name
from .features import FeatureSettings, frame_count, log_mel
from .recipe import Recipe

LONGEST = 28.0  # seconds of an utterance with the silence around it: running normalization then needs no loop over frames


class Corpus:
    """The clips of a recipe's training caches; their files stand one after the other in one long array of samples."""

    def __init__(self, folder: Path, names: list[str]):
        self.clips: list[Clip] = []
        self.starts: list[int] = []
        self._caches: dict[str, tuple[Cache, int]] = {}
        self.samples = 0
        for name in names:
            cache, base = Cache(folder, name), base_name(name)
            if base not in self._caches:
                self._caches[base] = cache, self.samples
                self.samples += cache.pcm.size
            self.clips += cache.clips
            self.starts += [self._caches[base][1] + clip.offset for clip in cache.clips]
        self.files = [cache for cache, _ in self._caches.values()]

    def raw(self, number: int) -> numpy.ndarray:
        """A clip's samples in [-1, 1], float32."""
        left, clip = self.starts[number], self.clips[number]
        for cache, begin in self._caches.values():
            if begin <= left < begin + cache.pcm.size:
                return cache.samples(Clip("", "", "", "", left - begin, clip.samples))
        raise IndexError(number)

    def to(self, device: torch.device, step: int = 1 << 26) -> Tensor:
        """All samples, int16, on a device."""
        resident = torch.empty(self.samples, dtype=torch.int16, device=device)
        begin = 0
        for cache in self.files:
            for left in range(0, cache.pcm.size, step):
                part = torch.from_numpy(numpy.array(cache.pcm[left : left + step]))
                resident[begin + left : begin + left + part.numel()] = part
            begin += cache.pcm.size
        return resident


@dataclass
class Utterance:
    """What one training utterance is made of; counts are in samples at 16 kHz."""

    segments: list[tuple[int, int, int, float, float]] = field(default_factory=list)  # place in the corpus, samples there, samples here, speed, gain
    tokens: list[int] = field(default_factory=list)
    lead: int = 0
    spoken: int = 0
    trail: int = 0
    hiss: float = 0.0            # amplitude (standard deviation), 0 for none
    hum: float = 0.0             # amplitude, 0 for none
    everywhere: bool = False     # hiss and hum also under the speech
    room: int = -1
    noise: int = -1              # number of the noise recording
    noiseStart: int = 0
    noiseDecibels: float = 0.0   # signal to noise; of an utterance without speech, the noise's own level

    @property
    def samples(self) -> int:
        return self.lead + self.spoken + self.trail


@dataclass
class BatchPlan:
    """A batch in numbers.

    segments [S, 5]: row, first sample in the row, place in the corpus, samples there, samples here; speeds [S, 2]: speed, gain;
    rows [B, 8]: samples, lead, spoken, everywhere, room, noise, start in the noise, tokens; levels [B, 3]: hiss, hum, noise decibels; targets [B, U].
    """

    segments: numpy.ndarray
    speeds: numpy.ndarray
    rows: numpy.ndarray
    levels: numpy.ndarray
    targets: numpy.ndarray
    epoch: float

    @staticmethod
    def of(utterances: list[Utterance], epoch: float) -> "BatchPlan":
        segments, speeds = [], []
        targets = numpy.zeros((len(utterances), max(1, max(len(one.tokens) for one in utterances))), dtype=numpy.int64)
        for row, one in enumerate(utterances):
            begin = one.lead
            for place, there, here, speed, gain in one.segments:
                segments.append((row, begin, place, there, here))
                speeds.append((speed, gain))
                begin += here
            targets[row, : len(one.tokens)] = one.tokens
        return BatchPlan(
            numpy.array(segments, dtype=numpy.int64).reshape(-1, 5), numpy.array(speeds, dtype=numpy.float64).reshape(-1, 2),
            numpy.array(
                [(one.samples, one.lead, one.spoken, one.everywhere, one.room, one.noise, one.noiseStart, len(one.tokens)) for one in utterances],
                dtype=numpy.int64,
            ),
            numpy.array([(one.hiss, one.hum, one.noiseDecibels) for one in utterances], dtype=numpy.float32), targets, epoch,
        )


    def first(self, count: int) -> "BatchPlan":
        """The plan of the first `count` rows."""
        kept = self.segments[:, 0] < count
        return BatchPlan(self.segments[kept], self.speeds[kept], self.rows[:count], self.levels[:count], self.targets[:count], self.epoch)


def amplitude(decibels: float) -> float:
    """Of a level in decibels below full scale."""
    return 10.0 ** (decibels / 20.0)


class Planner:
    """Draws the batches of a recipe; the same ones for the same seed."""

    def __init__(self, recipe: Recipe, corpus: Corpus, noise: list[int], rooms: int, encode: Callable[[str], list[int]]):
        """`noise` are the noise recordings' lengths in samples, `rooms` how many responses there are."""
        self.recipe, self.corpus, self.noise, self.rooms, self.encode = recipe, corpus, noise, rooms, encode
        self.number = {clip: number for number, clip in enumerate(corpus.clips)}

    def _speech(self, item: data.Item, augmentation: Augmentation, generator: random.Random) -> Utterance:
        made = Utterance(tokens=self.encode(item.text))
        for clip in item.clips:
            number = self.number[clip]
            start, end, speed, gain = 0, clip.samples, 1.0, 1.0
            if clip.samples < data.SHORT and generator.random() < augmentation.tightProbability:
                start, end = data.cut_tight(self.corpus.raw(number), generator)
            if end - start > 1 and generator.random() < augmentation.speedProbability:
                speed = generator.uniform(*augmentation.speedRange)
            if augmentation.gainDecibels != (0.0, 0.0):
                gain = amplitude(generator.uniform(*augmentation.gainDecibels))
            here = int((end - start) / speed)
            made.segments.append((self.corpus.starts[number] + start, end - start, here, speed, gain))
            made.spoken += here
        if self.rooms and generator.random() < augmentation.roomProbability:
            made.room = generator.randrange(self.rooms)
        if self.noise and generator.random() < augmentation.noiseProbability:
            made.noise = generator.randrange(len(self.noise))
            made.noiseStart = generator.randrange(self.noise[made.noise])
            made.noiseDecibels = generator.uniform(*augmentation.noiseDecibels)
        if generator.random() < augmentation.padProbability:
            side = generator.randrange(4)  # before, before, behind, both: what precedes speech reaches the normalization of all that follows
            if side != 2:
                made.lead = int(generator.uniform(*augmentation.padSeconds) * SAMPLE_RATE)
            if side >= 2:
                made.trail = int(generator.uniform(*augmentation.padSeconds) * SAMPLE_RATE)
            room = max(0, int(LONGEST * SAMPLE_RATE) - made.spoken)
            made.lead = min(made.lead, room)
            made.trail = min(made.trail, room - made.lead)
            self._floor(made, augmentation, generator)
        return made

    def _floor(self, made: Utterance, augmentation: Augmentation, generator: random.Random) -> None:
        """What is heard where nobody speaks: nothing at all in a third of the utterances, hiss in the others, and now and then hum."""
        if generator.random() < 0.67:
            made.hiss = amplitude(generator.uniform(*augmentation.hissDecibels))
        if generator.random() < augmentation.humProbability:
            made.hum = amplitude(generator.uniform(*augmentation.hissDecibels) + 6.0)
        made.everywhere = generator.random() < 0.5

    def _empty(self, augmentation: Augmentation, generator: random.Random) -> Utterance:
        """An utterance in which nobody speaks: silence, hiss, hum, or a recorded noise at -60 to -15 dB."""
        made = Utterance(lead=int(generator.uniform(0.3, 8.0) * SAMPLE_RATE), everywhere=True)
        self._floor(made, augmentation, generator)
        made.everywhere = True
        if self.noise and generator.random() < 0.6:
            made.noise = generator.randrange(len(self.noise))
            made.noiseStart = generator.randrange(self.noise[made.noise])
            made.noiseDecibels = generator.uniform(-60.0, -15.0)
        return made

    def epoch(self, epoch: int) -> list[list[Utterance]]:
        """All clips once (less what `data.shares` leave out), in batches of similar length, in random order."""
        generator = random.Random(f"{self.recipe.seed}/{epoch}")
        settings, clips = self.recipe.training, self.corpus.clips
        concatenation = settings.concatenation
        augmentation = self.recipe.augmentation.at(epoch)
        if settings.shortFirst and epoch < settings.shortFirst["epochs"]:
            clips, concatenation = [clip for clip in clips if clip.samples < settings.shortFirst["belowSeconds"] * SAMPLE_RATE], None
        if self.recipe.shares:
            clips = [clip for clip in clips if generator.random() < self.recipe.shares.get(clip.set, 1.0)]
        made = [self._speech(item, augmentation, generator) for item in data.epoch_items(clips, generator, concatenation)]
        made = [one for one in made if one.spoken <= LONGEST * SAMPLE_RATE]
        made += [self._empty(augmentation, generator) for _ in range(int(augmentation.emptyShare * len(made)))]
        tail = FeatureSettings(**self.recipe.model.get("features", {})).tailSamples
        return data.batches_by_length(made, settings.batchSeconds, tail, generator)

    def batches(self) -> Iterator[BatchPlan]:
        epoch = 0
        while True:
            batches = self.epoch(epoch)
            if not batches:
                raise ValueError("data: no clip is left to train on; look at data.shares and training.shortFirst")
            for number, utterances in enumerate(batches):
                yield BatchPlan.of(utterances, epoch + number / len(batches))
            epoch += 1


class PlannerProcess:
    """A planner in a process of its own; start it before anything touches the GPU, because it is forked."""

    def __init__(self, planner: Planner, ahead: int = 24):
        context = multiprocessing.get_context("fork")
        self._ready = context.Queue(maxsize=ahead)
        self._process = context.Process(target=self._work, args=(planner, self._ready), daemon=True)
        self._process.start()

    @staticmethod
    def _work(planner: Planner, ready) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the loop, which ends this process in its own time
        try:
            for plan in planner.batches():
                ready.put(plan)
        except BaseException as error:  # handed to the training loop, which raises it
            ready.put(error)

    def next(self) -> BatchPlan:
        while True:
            try:
                made = self._ready.get(timeout=5)
            except queue.Empty:
                if not self._process.is_alive():
                    raise RuntimeError(f"the process that plans batches ended with status {self._process.exitcode}") from None
                continue
            if isinstance(made, BaseException):
                raise made
            return made

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


class Mixer:
    """Makes log-mel of a plan on the device that holds the samples."""

    def __init__(
        self, corpus: Tensor, noise: Tensor, noises: list[tuple[int, int]], rooms: Tensor | None,
        augmentation: Augmentation, features: FeatureSettings,
    ):
        """corpus, noise: int16 samples; noises: first sample and length of each recording; rooms [N, taps] responses."""
        self.corpus, self.noise, self.rooms, self.augmentation, self.features = corpus, noise, rooms, augmentation, features
        self.device = corpus.device
        self.noises = self._send(numpy.array(noises, dtype=numpy.int64).reshape(-1, 2))

    def _send(self, values: numpy.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device, non_blocking=True)

    def speech(self, plan: BatchPlan, longest: int) -> Tensor:
        """The clips where they belong, silence elsewhere: [B, longest]."""
        samples = torch.zeros(len(plan.rows), longest, device=self.device)
        total = int(plan.segments[:, 4].sum())
        if total == 0:
            return samples
        row, begin, place, there, here = self._send(plan.segments).unbind(1)
        speed, gain = self._send(plan.speeds).unbind(1)
        segment = torch.repeat_interleave(torch.arange(len(here), device=self.device), here, output_size=total)
        within = torch.arange(total, device=self.device) - (here.cumsum(0) - here)[segment]
        position = within.double() * speed[segment]
        last = (there - 1)[segment]
        left = torch.minimum(position.long(), last)
        part = (position - left).float()
        left_value = self.corpus[place[segment] + left].float()
        right_value = self.corpus[place[segment] + torch.minimum(left + 1, last)].float()
        value = torch.lerp(left_value, right_value, part) * (gain.float() / 32768.0)[segment]
        samples.view(-1)[(row * longest + begin)[segment] + within] = value
        return samples

    def samples(self, plan: BatchPlan) -> Tensor:
        """Augmented samples in [-1, 1], the tail of zeros included: [B, longest + tail]."""
        longest = int(plan.rows[:, 0].max())
        samples = self.speech(plan, longest)
        count, lead, spoken, everywhere, room, noise, start, _ = self._send(plan.rows).unbind(1)
        hiss, hum, decibels = self._send(plan.levels).unbind(1)
        place = torch.arange(longest, device=self.device)
        inside = place < count[:, None]
        chosen = numpy.flatnonzero(plan.rows[:, 4] >= 0)
        if self.rooms is not None and len(chosen):
            rows = self._send(chosen)
            heard = samples[rows]
            size = longest + self.rooms.shape[1]
            size += -size % 1024
            there = torch.fft.irfft(torch.fft.rfft(heard, size) * torch.fft.rfft(self.rooms[room[rows]], size), size)[:, :longest]
            before, after = heard.square().sum(1), there.square().sum(1)
            samples[rows] = there * (before / after.clamp(min=1e-12)).sqrt()[:, None]
        chosen = numpy.flatnonzero(plan.rows[:, 5] >= 0)
        if len(chosen):
            rows = self._send(chosen)
            first, size = self.noises[noise[rows]].unbind(1)
            other = self.noise[first[:, None] + (start[rows][:, None] + place) % size[:, None]].float() / 32768.0
            power = other.square().mean(1)
            signal = samples[rows].square().sum(1) / spoken[rows].clamp(min=1)
            # Where somebody speaks, a ratio of powers; where nobody does, the noise's own level.
            wanted = torch.where(spoken[rows] > 0, signal * 10.0 ** (-decibels[rows] / 10.0), 10.0 ** (decibels[rows] / 10.0))
            samples[rows] += other * (wanted / power.clamp(min=1e-12)).sqrt()[:, None]
        chosen = numpy.flatnonzero((plan.levels[:, 0] > 0) | (plan.levels[:, 1] > 0))
        if len(chosen):
            rows = self._send(chosen)
            hertz = torch.where(torch.rand(len(rows), device=self.device) < 0.5, 50.0, 60.0)
            phase = 2.0 * math.pi * torch.rand(len(rows), 1, device=self.device)
            angle = 2.0 * math.pi * hertz[:, None] * place / SAMPLE_RATE + phase
            hums = (angle.sin() + 0.5 * (2 * angle).sin() + 0.25 * (3 * angle).sin()) + 0.5 * phase.cos()  # and a constant
            floor = torch.randn(len(rows), longest, device=self.device) * hiss[rows][:, None] + hums * hum[rows][:, None]
            said = (place >= lead[rows][:, None]) & (place < (lead + spoken)[rows][:, None])
            samples[rows] += floor * (~said | (everywhere[rows] > 0)[:, None])
        samples = samples.masked_fill(~inside, 0.0).clamp(-1.0, 1.0)
        return torch.nn.functional.pad(samples, (0, self.features.tailSamples))

    def telephone(self, features: Tensor, probability: float) -> Tensor:
        """As `data.telephone_band`, for all rows at once: [B, T, bins]."""
        batch, bins, device = features.shape[0], features.shape[2], features.device
        chosen = torch.rand(batch, 1, device=device) < probability
        first = torch.randint(55, 62, (batch, 1), device=device)
        last = first + torch.randint(6, 13, (batch, 1), device=device)
        slope = 0.4 + 1.1 * torch.rand(batch, 1, device=device)
        place = torch.arange(bins, device=device)
        fall = slope * (place - first + 1).clamp(min=0)
        floor = math.log(self.features.floor)
        fallen = torch.where((place < last)[:, None, :], features - fall[:, None, :], floor).clamp(min=floor)
        return torch.where((chosen & (place >= first))[:, None, :], fallen, features)

    def masks(self, normalised: Tensor, frames: Tensor, epoch: int) -> Tensor:
        """As `data.spectral_masks`, for all rows at once; frames [B] on the same device."""
        augmentation, (batch, longest, bins), device = self.augmentation.at(epoch), normalised.shape, normalised.device

        def stretches(number: int, widest: Tensor, count: Tensor, size: int) -> Tensor:
            """[B, size]: inside one of `number` stretches of up to `widest` out of `count` places."""
            width = (torch.rand(batch, number, device=device) * (widest[:, None] + 1)).floor()
            start = (torch.rand(batch, number, device=device) * (count[:, None] - width + 1).clamp(min=1)).floor()
            place = torch.arange(size, device=device)[None, None, :]
            return ((place >= start[..., None]) & (place < (start + width)[..., None])).any(1)

        whole = torch.full((batch,), bins, device=device)
        if augmentation.frequencyMasks > 0:
            hidden = stretches(augmentation.frequencyMasks, torch.full_like(whole, augmentation.frequencyMaskBins), whole, bins)
            normalised = normalised.masked_fill(hidden[:, None, :], 0.0)
        if augmentation.timeMasks > 0:
            # At most a tenth of the utterance in one mask, or single words vanish.
            widest = torch.minimum(frames // 10, torch.full_like(frames, augmentation.timeMaskFrames))
            normalised = normalised.masked_fill(stretches(augmentation.timeMasks, widest, frames, longest)[:, :, None], 0.0)
        return normalised

    def __call__(self, plan: BatchPlan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-mel [B, T, bins] and targets [B, U] on the device; frames [B] and target counts [B] on the CPU."""
        features = log_mel(self.samples(plan), self.features)
        augmentation = self.augmentation.at(int(plan.epoch))
        if augmentation.telephoneProbability > 0:
            features = self.telephone(features, augmentation.telephoneProbability)
        frames = frame_count(torch.from_numpy(plan.rows[:, 0] + self.features.tailSamples), self.features)
        return features, frames, self._send(plan.targets), torch.from_numpy(plan.rows[:, 7].copy())


def load_noise(folder: Path, name: str | None, device: torch.device) -> tuple[Tensor, list[tuple[int, int]]]:
    """A noise cache's samples on a device, and where each recording begins and how long it is."""
    if name is None:
        return torch.zeros(1, dtype=torch.int16, device=device), []
    cache = Cache(folder, name)
    return torch.from_numpy(numpy.array(cache.pcm)).to(device), [(clip.offset, clip.samples) for clip in cache.clips]

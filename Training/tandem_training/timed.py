"""Training by the clock on one accelerator: so many minutes from start to exported, evaluated model, whatever a step costs.

The learning rate follows the share of the time that is gone, so a run always ends with its decay done. For machines that are lent by the minute;
`train.py` is for all others: it resumes, repeats to the last bit and runs on several devices.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import random
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path

import numpy
import torch
from torch import Tensor

from .audio import SAMPLE_RATE
from .data import Cache, Clip
from .evaluate import Evaluation, evaluate
from .export import export_model, load_model
from .model import Recogniser, inherit, parameter_counts
from .muon import BatchedMuon
from .recipe import Recipe
from .report import provenance
from .resident import BatchPlan, Corpus, Mixer, Planner, PlannerProcess, load_noise
from .rooms import room_responses
from .train import batch_loss, build_vocabulary, learning_rate, make_optimizers, measure_statistics
from .vocabulary import Vocabulary

ROOMS = 64          # simulated at the start, where the cache has none
REPORT_SECONDS = 20.0
EXPORT_SECONDS = 120.0
PACKED = "run.tar.gz"


@dataclasses.dataclass(frozen=True)
class Surrounding:
    """Seconds before and behind a clip, filled with hiss at `decibels` below full scale, a recording, or (neither) digital silence."""

    before: float = 0.0
    behind: float = 0.0
    decibels: float | None = None
    recording: Clip | None = None

    @property
    def sides(self) -> tuple[int, int]:
        return int(self.before * SAMPLE_RATE), int(self.behind * SAMPLE_RATE)


class Surrounded:
    """Clips of a cache in surroundings, for `evaluate`, which reads samples as from a `Cache`; the name of its surrounding is a clip's set."""

    def __init__(self, cache: Cache, noise: Cache | None, surroundings: dict[str, Surrounding]):
        self.cache, self.noise, self.surroundings = cache, noise, surroundings

    def clips(self, clips: list[Clip]) -> list[Clip]:
        """Each clip in each surrounding, as long as it is there."""
        return [
            dataclasses.replace(clip, set=name, samples=clip.samples + sum(around.sides))
            for name, around in self.surroundings.items() for clip in clips
        ]

    def samples(self, clip: Clip, coded: bool = False) -> numpy.ndarray:
        around, generator = self.surroundings[clip.set], numpy.random.default_rng(clip.offset)

        def side(count: int) -> numpy.ndarray:
            if around.recording is not None:
                return numpy.resize(self.noise.samples(around.recording), count)
            level = 0.0 if around.decibels is None else 10.0 ** (around.decibels / 20.0)
            return (generator.standard_normal(count) * level).astype(numpy.float32)

        inner = clip.samples - sum(around.sides)
        heard = self.cache.samples(dataclasses.replace(clip, samples=inner))
        return numpy.concatenate([side(around.sides[0]), heard, side(around.sides[1])])


NOBODY = Clip("", "", "", "", 0, 0)
AROUND_SPEECH = {
    "as recorded": Surrounding(),
    "5 s of digital silence before": Surrounding(before=5.0),
    "5 s of hiss at -60 dB before": Surrounding(before=5.0, decibels=-60.0),
    "5 s of hiss at -40 dB before": Surrounding(before=5.0, decibels=-40.0),
    "5 s of hiss at -60 dB behind": Surrounding(behind=5.0, decibels=-60.0),
    "10 s of digital silence before": Surrounding(before=10.0),
}


def silence_figures(model: Recogniser, vocabulary: Vocabulary, dev: Cache, noise: Cache | None, precision: str, clips: int) -> list[dict]:
    """What silence around speech does to word errors, and how many words each path invents where nobody speaks.

    Of each kind of silence and of each noise the model hears 0.5, 1, 2, 4, 8 and 20 s.
    """
    drawn = random.Random("silence").sample(dev.clips, min(clips, len(dev.clips)))
    around = Surrounded(dev, noise, AROUND_SPEECH)
    found = evaluate(model, vocabulary, around, around.clips(drawn), 900.0, precision).errors
    lines: list[dict] = [
        {"result": "silence-wer", "what": name, "clips": len(drawn), "wer": {path: round(sets[name].rate, 4) for path, sets in found.items()}}
        for name in AROUND_SPEECH
    ]
    kinds = {"digital silence": Surrounding()} | {f"hiss at {level} dB": Surrounding(decibels=float(level)) for level in (-60, -40, -25)}
    if noise:
        kinds |= {Path(clip.path).stem: Surrounding(recording=clip) for clip in noise.clips}
    lengths = (0.5, 1.0, 2.0, 4.0, 8.0, 20.0)
    alone = Surrounded(dev, noise, {f"{name}/{length}": dataclasses.replace(kind, before=length) for name, kind in kinds.items() for length in lengths})
    found = evaluate(model, vocabulary, alone, alone.clips([NOBODY]), 900.0, precision).errors
    for name in kinds:
        words = {path: sum(sets[f"{name}/{length}"].insertions for length in lengths) for path, sets in found.items()}
        lines.append({"result": "invented-words", "what": name, "seconds": sum(lengths), "words": words})
    return lines


def evaluate_all(model: Recogniser, vocabulary: Vocabulary, dev: Cache, noise: Cache | None, precision: str, silence_clips: int = 240) -> list[dict]:
    """JSON lines: greedy word errors of every path and set on dev, then `silence_figures`."""
    result: Evaluation = evaluate(model, vocabulary, dev, dev.clips, 900.0, precision)
    lines = [
        {"result": "greedy-wer", "split": "dev", "path": path, "set": name, "wer": round(errors.rate, 5), **vars(errors)}
        for path, sets in result.errors.items() for name, errors in sorted(sets.items())
    ]
    return lines + silence_figures(model, vocabulary, dev, noise, precision, silence_clips)


class TimedRun:
    """One run by the clock. Its folder becomes a model folder with log.jsonl and dev.jsonl besides.

    `out`, where given, gets what has to leave the machine in three files, every two minutes and at the end: device.safetensors, edge.safetensors
    and run.tar.gz, which holds all that is small.
    """

    def __init__(
        self, recipe: Recipe, cache: Path, folder: Path, start: Path | None, minutes: float, reserve: float | None = None,
        out: Path | None = None, device: str | None = None,
    ):
        """`start`: a model folder to go on from (None: from scratch); `minutes` are the whole run's, `reserve` the seconds of them for evaluation (None: 60, or 40 % of a
        short run)."""
        self.began = time.monotonic()
        unsupported = [key for key in ("growth", "phones", "teacher", "transducerAlone", "freezeEncoder", "freezeFirstPass", "headsFirst") if getattr(recipe.training, key)]
        if unsupported or recipe.earlier or recipe.training.objective != "recognition" or recipe.augmentation.opusProbability > 0:
            raise ValueError(f"train-timed: the recipe asks for what only `train` does ({', '.join(unsupported) or 'earlier, objective or opusProbability'})")
        reserve = min(60.0, 0.4 * 60.0 * minutes) if reserve is None else reserve
        if 60.0 * minutes - reserve < 10.0:
            raise ValueError(f"train-timed: {minutes} minutes with {reserve} s of them for the evaluation leave nothing to train in")
        self.recipe, self.folder, self.out, self.until = recipe, folder, out, 60.0 * minutes - reserve
        folder.mkdir(parents=True, exist_ok=True)
        self.dev = Cache(cache, recipe.dev)
        self.noise = Cache(cache, recipe.noise) if recipe.noise else None
        corpus = Corpus(cache, recipe.train)
        dev = {clip.path for clip in self.dev.clips}
        if any(clip.path in dev for clip in corpus.clips):
            raise ValueError(f"train-timed: {recipe.dev}, which the run is judged on, is among its training data")
        if start is not None:
            source, self.vocabulary = load_model(start)
        else:
            source, self.vocabulary = None, build_vocabulary(recipe, corpus.files)
        rooms = cache / "rooms.npy"
        responses = None
        if recipe.augmentation.roomProbability > 0:
            responses = numpy.load(rooms) if rooms.exists() else room_responses(ROOMS, seed=1)
        noises = [clip.samples for clip in self.noise.clips] if self.noise else []
        # Forked before the GPU is touched.
        self.plans = PlannerProcess(Planner(recipe, corpus, noises, 0 if responses is None else len(responses), self.vocabulary.encode))
        torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.seed)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = Recogniser(recipe.model_settings(len(self.vocabulary)), recipe.training.dropout, recipe.training.secondDropout)
        if source is not None:
            inherit(self.model, source.state_dict(), start)
        else:
            measure_statistics(self.model, corpus.files, recipe.seed)
        self.model.codecNoise = recipe.training.codecNoise
        self.model.to(self.device)
        noise_samples, places = load_noise(cache, recipe.noise, self.device)
        self.mixer = Mixer(
            corpus.to(self.device), noise_samples, places, None if responses is None else torch.from_numpy(responses).to(self.device),
            recipe.augmentation, self.model.settings.features,
        )
        self.optimizers = make_optimizers(self.model, recipe.training, muon=BatchedMuon)
        self.learnt = [value for optimizer in self.optimizers for group in optimizer.param_groups for value in group["params"]]
        self.average = [value.detach().clone() for value in self.model.parameters()]
        self.step, self.skipped, self.started = 0, 0, start is not None
        self.log({
            "parameters": parameter_counts(self.model), "vocabulary": len(self.vocabulary), "clips": len(corpus.clips),
            "hours": round(sum(clip.samples for clip in corpus.clips) / SAMPLE_RATE / 3600, 2), "start": str(start) if start else "scratch", **provenance(recipe.seed),
        })

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def log(self, record: dict) -> None:
        record = {"seconds": round(self.elapsed, 1), "step": self.step, **record}
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(" ".join(f"{key}={value}" for key, value in record.items()), file=sys.stderr, flush=True)

    def averaged(self) -> Recogniser:
        """The model with the exponential moving average of its weights."""
        model = Recogniser(self.model.settings)
        model.load_state_dict({**self.model.state_dict(), **dict(zip((name for name, _ in self.model.named_parameters()), self.average))})
        return model.to(self.device).eval()

    def train_step(self, plan: BatchPlan, progress: float) -> dict[str, Tensor]:
        """One step at `progress` (0 to 1) of the run; the parts of the loss, on the device."""
        recipe, settings = self.recipe, self.recipe.training
        with torch.no_grad():
            features, frames, targets, counts = self.mixer(plan)
            normalised = self.mixer.masks(self.model.normalise(features), frames.to(self.device, non_blocking=True), int(plan.epoch))
        rate = learning_rate(min(int(progress * settings.steps), settings.steps - 1), recipe, settings.steps)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
        self.model.train()
        generator = random.Random(f"{recipe.seed}/step/{self.step}")
        loss, parts = batch_loss(self.model, recipe, normalised, frames, targets, counts, generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.learnt, settings.gradientNorm)
        if math.isfinite(float(norm)):
            for optimizer in self.optimizers:
                optimizer.step()
            decay = min(settings.averageDecay, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, [value.detach() for value in self.model.parameters()], 1 - decay)
        else:
            self.skipped += 1
        self.step += 1
        return {**parts, "gradient": norm}

    def check(self, plan: BatchPlan, rows: int = 4) -> dict[str, tuple[float, float]]:
        """Losses and the size of the gradient of a few utterances, as the CPU computes them in float32 and as the device does; logged.

        They should agree within some percent; where they do not, do not trust what the device trains.
        """
        plan = plan.first(rows)
        with torch.no_grad():
            features, frames, targets, counts = self.mixer(plan)
            normalised = self.model.normalise(features)
        exact = dataclasses.replace(self.recipe, training=dataclasses.replace(self.recipe.training, precision="float32"))
        found: dict[str, list[float]] = {}
        for model, recipe in ((copy.deepcopy(self.model).cpu(), exact), (self.model, self.recipe)):
            device = next(model.parameters()).device
            model.eval()
            loss, parts = batch_loss(model, recipe, normalised.to(device), frames, targets.to(device), counts, random.Random(0))
            loss.backward()
            gradients = [value.grad.norm() for value in model.parameters() if value.grad is not None]
            for name, value in {**parts, "gradient": torch.stack(gradients).norm()}.items():
                found.setdefault(name, []).append(round(float(value), 4))
            model.zero_grad(set_to_none=True)
        self.log({"check": found})
        return {name: (one, other) for name, (one, other) in found.items()}

    def sample(self) -> None:
        """Logs how the averaged model does on an eighth of dev."""
        rates = evaluate(self.averaged(), self.vocabulary, self.dev, self.dev.clips[::8], 900.0, self.recipe.training.precision).rates()
        self.log({"devSample": {path: round(sets["all"], 4) for path, sets in rates.items()}})

    def train(self) -> None:
        """Trains until the time is over or SIGTERM comes, then exports, evaluates and packs."""
        stop = []
        previous = {number: signal.signal(number, lambda *_: stop.append(True)) for number in (signal.SIGTERM, signal.SIGINT)}
        if self.started:
            self.sample()  # what it starts from
        if self.device.type != "cpu":
            self.check(self.plans.next())
        began = reported = exported = self.elapsed
        sums: dict[str, Tensor] = {}
        summed, audio, stalled, memory = 0, 0.0, 0.0, 0
        while self.elapsed < self.until and not stop:
            now = self.elapsed
            plan = self.plans.next()
            stalled += self.elapsed - now
            try:
                parts = self.train_step(plan, (now - began) / (self.until - began))
            except torch.OutOfMemoryError:
                # Somebody else may share the device: this batch is left out, the largest tensor gets smaller from now on.
                memory += 1
                self.recipe = dataclasses.replace(
                    self.recipe, training=dataclasses.replace(self.recipe.training, transducerCells=max(10_000, self.recipe.training.transducerCells * 2 // 3))
                )
                for optimizer in self.optimizers:
                    optimizer.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                continue
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value.detach()
            summed += 1
            audio += float(plan.rows[:, 0].sum()) / SAMPLE_RATE
            if self.elapsed - reported >= REPORT_SECONDS or self.step == 20:
                spent = self.elapsed - reported
                self.log({
                    "epoch": round(plan.epoch, 2), **{name: round(float(value) / summed, 3) for name, value in sums.items()},
                    "rate": round(self.optimizers[0].param_groups[0]["lr"], 6), "stepsPerSecond": round(summed / spent, 2), "audioPerSecond": round(audio / spent),
                    "waitedForPlans": round(stalled / spent, 3), "skipped": self.skipped, "outOfMemory": memory,
                    "memoryGB": round(torch.cuda.max_memory_allocated() / 1e9, 1) if self.device.type == "cuda" else None,
                })
                sums, summed, audio, stalled, reported = {}, 0, 0.0, 0.0, self.elapsed
            if self.elapsed - exported >= EXPORT_SECONDS:
                # What is there should this run be cut off, and how it does on an eighth of dev.
                self.export()
                self.sample()
                self.pack([])
                exported = reported = self.elapsed
        self.plans.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
        self.export()
        self.pack([])
        lines = evaluate_all(self.averaged(), self.vocabulary, self.dev, self.noise, self.recipe.training.precision)
        self.log({"dev": {line["path"]: line["wer"] for line in lines if line["result"] == "greedy-wer" and line["set"] == "all"}})
        self.pack(lines)

    def export(self) -> None:
        export_model(self.averaged(), self.vocabulary, self.recipe.name, self.folder, "float16")

    def pack(self, lines: list[dict]) -> None:
        """Writes `lines` to dev.jsonl and copies what has to leave the machine to `out`."""
        (self.folder / "dev.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        if self.out is None:
            return
        with tarfile.open(self.folder / PACKED, "w:gz") as archive:
            for name in ("model.json", "vocabulary.json", "log.jsonl", "dev.jsonl"):
                archive.add(self.folder / name, arcname=name)
        self.out.mkdir(parents=True, exist_ok=True)
        for path in (*self.folder.glob("*.safetensors"), self.folder / PACKED):
            shutil.copyfile(path, self.out / f"{path.name}.partial")
            (self.out / f"{path.name}.partial").replace(self.out / path.name)

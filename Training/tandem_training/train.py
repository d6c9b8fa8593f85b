"""The training loop: joint CTC exits, second encoder and transducer; resumable at any moment."""

from __future__ import annotations

import json
import math
import os
import queue
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from torch import Tensor
from tqdm import tqdm

from . import data
from .audio import SAMPLE_RATE
from .data import Batch, Cache
from .evaluate import evaluate
from .features import frame_count, log_mel, running_mean
from .losses import ctc_losses, needed_frames, transducer_losses
from .model import Recogniser, parameter_counts, subsampled
from .recipe import Recipe
from .vocabulary import Vocabulary


def build_vocabulary(recipe: Recipe, caches: list[Cache]) -> Vocabulary:
    """Characters, or sub-words merged from the training transcripts; each distinct transcript counts once.

    Otherwise a few hundred recordings of the same word would fill the vocabulary with whole command words.
    """
    if recipe.vocabulary["kind"] == "characters":
        return Vocabulary.characters()
    texts = sorted({clip.text for cache in caches for clip in cache.clips})
    return Vocabulary.subwords(Counter(word for text in texts for word in text.split()), recipe.vocabulary["size"])


def measure_statistics(model: Recogniser, caches: list[Cache], seed: int, clips: int = 600) -> None:
    """Sets features.mean and features.standardDeviation from randomly drawn training clips.

    The deviation is taken around the running mean, because that is what will be divided by it.
    """
    settings = model.settings.features
    generator = random.Random(seed)
    everything = [(cache, clip) for cache in caches for clip in cache.clips]
    drawn = generator.sample(everything, min(clips, len(everything)))
    features = [log_mel(torch.from_numpy(cache.samples(clip)), settings) for cache, clip in drawn if clip.samples >= settings.windowSamples]
    together = torch.cat(features).double()
    model.features.mean.copy_(together.mean(0))
    deviations = torch.cat([part - running_mean(part, model.features.mean, settings) for part in features]).double()
    model.features.standardDeviation.copy_(deviations.square().mean(0).sqrt())


def count_infeasible(caches: list[Cache], vocabulary: Vocabulary, settings) -> list[str]:
    """Paths of clips with fewer encoder frames than CTC needs for their text: they teach nothing."""
    infeasible = []
    for cache in caches:
        for clip in cache.clips:
            frames = frame_count(clip.samples + settings.tailSamples, settings)
            if (frames + 3) // 4 < needed_frames(vocabulary.encode(clip.text)):
                infeasible.append(clip.path)
    return infeasible


@dataclass
class Position:
    """Where in the data a run stands: all that is needed to make the next batch."""

    epoch: int = 0
    batch: int = 0


class Batches:
    """Batches from a position on, for ever; the same ones for the same recipe and seed.

    Each batch draws its randomness from (seed, epoch, number), so a resumed run continues as if nothing had happened.
    """

    def __init__(self, recipe: Recipe, caches: list[Cache], noise: Cache | None, vocabulary: Vocabulary, tail: int):
        self.recipe, self.caches, self.noise, self.vocabulary, self.tail = recipe, caches, noise, vocabulary, tail
        self.settings = recipe.model_settings(len(vocabulary)).features
        self.clips = [clip for cache in caches for clip in cache.clips]
        self.source = {clip: cache for cache in caches for clip in cache.clips}

    def _plan(self, epoch: int) -> list[list[data.Item]]:
        generator = random.Random(f"{self.recipe.seed}/{epoch}")
        clips, concatenation = self.clips, self.recipe.training.concatenation
        short = self.recipe.training.shortFirst
        if short and epoch < short["epochs"]:
            # CTC from scratch sits on "all blank" for long; single words leave alignments little choice and break that.
            clips, concatenation = [clip for clip in clips if clip.samples < short["belowSeconds"] * SAMPLE_RATE], None
        items = data.epoch_items(clips, generator, concatenation)
        return data.batches_by_length(items, self.recipe.training.batchSeconds, self.tail, generator)

    def _make(self, items: list[data.Item], position: Position) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-mel [B, T, bins] (augmented, not yet normalised), frames [B], targets [B, U], target counts [B]."""
        generator = random.Random(f"{self.recipe.seed}/{position.epoch}/{position.batch}")
        augmentation = self.recipe.augmentation.at(position.epoch)
        batch: Batch = data.load_batch(
            items, self, self.vocabulary.encode, self.tail, augmentation, self.noise, generator
        )
        features = log_mel(torch.from_numpy(batch.samples), self.settings)
        if augmentation.telephoneProbability > 0:
            data.telephone_band(features.numpy(), augmentation, generator, math.log(self.settings.floor))
        frames = frame_count(torch.from_numpy(batch.sample_counts), self.settings)
        return features, frames, torch.from_numpy(batch.targets), torch.from_numpy(batch.target_counts)

    def samples(self, clip: data.Clip) -> numpy.ndarray:
        return self.source[clip].samples(clip)

    def start(self, position: Position) -> Iterator[tuple[Position, int, tuple[Tensor, ...]]]:
        """Yields (position after this batch, batches in the epoch, batch), made ahead in a thread."""
        ready: queue.Queue = queue.Queue(maxsize=3)

        def work() -> None:
            try:
                epoch, first = position.epoch, position.batch
                while True:
                    plan = self._plan(epoch)
                    for number in range(first, len(plan)):
                        batch = self._make(plan[number], Position(epoch, number))
                        ended = number + 1 == len(plan)
                        ready.put((Position(epoch + 1, 0) if ended else Position(epoch, number + 1), len(plan), batch))
                    epoch, first = epoch + 1, 0
            except BaseException as error:  # handed to the training loop, which raises it
                ready.put(error)

        threading.Thread(target=work, daemon=True).start()
        while True:
            made = ready.get()
            if isinstance(made, BaseException):
                raise made
            yield made


def learning_rate(step: int, recipe: Recipe, steps: int) -> float:
    """Linear warm-up, then a cosine down to `finalLearningRate` of the peak at the last step.

    With `growth` there are two such arcs: the first ends (at a third of its peak) where the whole model begins the second.
    """
    settings = recipe.training
    peak, final, first, last = settings.learningRate, settings.finalLearningRate, 0, steps
    if settings.growth and step < settings.growth["untilStep"]:
        final, last = 0.3, settings.growth["untilStep"]
    elif settings.growth:
        peak, first = settings.growth["learningRate"], settings.growth["untilStep"]
    alone = settings.transducerAlone
    if alone and step >= alone["fromStep"]:
        peak, first = alone["learningRate"], alone["fromStep"]
    if step - first < settings.warmupSteps:
        return peak * (step - first + 1) / settings.warmupSteps
    part = min(1.0, (step - first - settings.warmupSteps) / max(1, last - first - settings.warmupSteps))
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * part)))


def batch_loss(
    model: Recogniser, recipe: Recipe, normalised: Tensor, frames: Tensor, targets: Tensor, target_counts: Tensor,
    generator: random.Random,
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch per token, and its parts for the log.

    Sum of the exits' CTC losses, plus the second encoder's CTC and the transducer. The transducer's lattice has
    T·U cells of V probabilities each, so only as many utterances as fit `transducerCells` go through it, drawn
    anew at each step.
    """
    settings, device = recipe.training, normalised.device
    frozen = not model.subsampling.projection.weight.requires_grad
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"), torch.set_grad_enabled(not frozen):
        output = model(normalised, frames)
    heads = output.exits + ([output.second_logits] if output.second_logits is not None else [])
    weights = list(settings.exitWeights or [1.0] * len(output.exits))[: len(output.exits)]
    if output.second_logits is not None:
        weights.append(settings.secondWeight)
    losses = ctc_losses(torch.stack(heads), output.lengths, targets, target_counts).sum(1)
    tokens = target_counts.sum().clamp(min=1)
    losses = losses / tokens
    total = (losses * torch.tensor(weights, device=device)).sum()
    parts = {f"exit{number}": value for number, value in enumerate(losses[: len(output.exits)].tolist(), start=1)}
    if output.second_logits is not None:
        parts["second-ctc"] = losses[-1].item()
        order = list(range(len(frames)))
        generator.shuffle(order)
        chosen, longest, most = [], 0, 0
        for row in order:
            length, labels = max(longest, int(output.lengths[row])), max(most, int(target_counts[row]) + 1)
            if length * labels * (len(chosen) + 1) > settings.transducerCells:
                continue
            chosen.append(row)
            longest, most = length, labels
        if chosen and settings.transducerWeight > 0:
            rows = torch.tensor(chosen, device=device)
            lengths, counts = output.lengths[rows], target_counts[rows]
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                blank, labels = model.transducer.lattice(output.second[-1][rows, :longest], targets[rows, : most - 1])
            loss = transducer_losses(blank, labels, lengths, counts).sum() / counts.sum()
            total = total + settings.transducerWeight * loss
            parts["transducer"] = loss.item()
    parts["total"] = total.item()
    return total, parts


class Run:
    """One training run in a folder: checkpoint.pt, vocabulary.json, log.jsonl."""

    def __init__(self, recipe: Recipe, cache_folder: Path, folder: Path):
        self.recipe, self.folder = recipe, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.caches = [Cache(cache_folder, name) for name in recipe.train]
        self.dev = Cache(cache_folder, recipe.dev)
        self.noise = Cache(cache_folder, recipe.noise) if recipe.noise else None
        vocabulary_file = folder / "vocabulary.json"
        if not vocabulary_file.exists():
            build_vocabulary(recipe, self.caches).save(vocabulary_file)
        self.vocabulary = Vocabulary.load(vocabulary_file)
        self.model = Recogniser(recipe.model_settings(len(self.vocabulary)), recipe.training.dropout)
        self.average: dict[str, Tensor] = {}
        self.step, self.seconds, self.position = 0, 0.0, Position()
        checkpoint = folder / "checkpoint.pt"
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True) if checkpoint.exists() else None
        if saved:
            self.model.load_state_dict(saved["model"])
        else:
            measure_statistics(self.model, self.caches, recipe.seed)
        self.model.to(self.device)
        # The transducer is shallow and starts late: it bears, and needs, larger steps than the encoders below it.
        transducer = [value for name, value in self.model.named_parameters() if name.startswith("transducer.")]
        others = [value for name, value in self.model.named_parameters() if not name.startswith("transducer.")]
        groups = [{"params": others, "factor": 1.0}, {"params": transducer, "factor": recipe.training.transducerRate}]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=recipe.training.learningRate, betas=(0.9, 0.99),
            weight_decay=recipe.training.weightDecay, fused=True,
        )
        self.average = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        if saved:
            # Moments from the checkpoint, settings from the recipe, should it have been changed in between.
            settings = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": saved["optimizer"]["state"], "param_groups": settings})
            self.average = {name: value.to(self.device) for name, value in saved["average"].items()}
            self.step, self.seconds = saved["step"], saved["seconds"]
            self.position = Position(*saved["position"])
            torch.set_rng_state(saved["random"])
        # A checkpoint at the very step of growing has not grown yet, hence the step before it.
        self.model.depth = recipe.training.depth_at(max(0, self.step - 1))
        self.infeasible = count_infeasible(self.caches, self.vocabulary, self.model.settings.features)

    def log(self, record: dict, text: str | None = None) -> None:
        record = {"step": self.step, "epoch": self.position.epoch, "hours": round(self.seconds / 3600, 4), **record}
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        line = text or " ".join(f"{key}={value}" for key, value in record.items())
        if sys.stderr.isatty():
            tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)

    def save(self) -> None:
        """Writes the checkpoint beside the old one and renames it, so that a power cut leaves one of the two."""
        partial = self.folder / "checkpoint.partial"
        torch.save(
            {
                "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "average": self.average,
                "step": self.step, "seconds": self.seconds, "position": (self.position.epoch, self.position.batch),
                "random": torch.get_rng_state(),
            },
            partial,
        )
        os.replace(partial, self.folder / "checkpoint.pt")

    def averaged(self) -> Recogniser:
        """The model with the exponential moving average of its weights: what is evaluated and exported."""
        model = Recogniser(self.model.settings)
        model.load_state_dict({**self.model.state_dict(), **self.average})
        model.depth = self.model.depth
        return model.to(self.device)

    def freeze_encoders(self, from_average: bool) -> None:
        """Leaves only predictor and joiner to train, on the averaged encoders: it is a late bloomer, and cheap that way."""
        for name, value in self.model.named_parameters():
            if from_average:
                value.data.copy_(self.average[name])
            value.requires_grad_(name.startswith("transducer."))

    def train_step(self, batch: tuple[Tensor, ...], steps: int) -> dict[str, float]:
        recipe = self.recipe
        if self.model.depth is not None and recipe.training.depth_at(self.step) is None:
            for name in self.model.grow():
                self.average[name].copy_(self.model.get_parameter(name).detach())
        alone = recipe.training.transducerAlone
        if alone and self.step >= alone["fromStep"] and self.model.subsampling.projection.weight.requires_grad:
            self.freeze_encoders(from_average=self.step == alone["fromStep"])
        features, frames, targets, target_counts = (part.to(self.device) for part in batch)
        generator = random.Random(f"{recipe.seed}/step/{self.step}")
        normalised = self.model.normalise(features)
        masked = normalised.cpu()
        data.spectral_masks(masked.numpy(), frames.cpu().numpy(), recipe.augmentation.at(self.position.epoch), generator)
        rate = learning_rate(self.step, recipe, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.model.train()
        loss, parts = batch_loss(self.model, recipe, masked.to(self.device), frames, targets, target_counts, generator)
        self.optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not so where only the transducer learns and no utterance fits its cells
            loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_([value for value in self.model.parameters() if value.grad is not None], recipe.training.gradientNorm))
        if math.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        # A young average follows faster, or it would remember the random start for a thousand steps.
        decay = min(recipe.training.averageDecay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.values()), [value.detach() for value in self.model.parameters()], 1 - decay)
        return {**parts, "gradient": norm, "rate": rate, "skipped": 0.0 if math.isfinite(norm) else 1.0}

    def evaluate(self) -> dict:
        rates = evaluate(self.averaged(), self.vocabulary, self.dev, self.dev.clips, precision=self.recipe.training.precision).rates()
        self.log(
            {"dev": {path: {name: round(rate, 4) for name, rate in sets.items()} for path, sets in rates.items()}},
            f"step {self.step} dev WER % " + "; ".join(
                f"{path} " + " ".join(f"{name} {100 * rate:.1f}" for name, rate in sets.items()) for path, sets in rates.items()
            ),
        )
        return rates

    def train(self, steps: int, minutes: float | None = None, log_every: int = 50) -> None:
        """Trains up to `steps` in all, or for `minutes` from now; SIGTERM and SIGINT save a checkpoint first."""
        stop = threading.Event()
        previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                previous[number] = signal.signal(number, lambda *_: stop.set())
        counts = parameter_counts(self.model)
        settings = self.recipe.training
        self.log(
            {"parameters": counts, "vocabulary": len(self.vocabulary), "infeasible": len(self.infeasible),
             "clips": sum(len(cache.clips) for cache in self.caches), "steps": steps, "device": str(self.device)}
        )
        batches = Batches(self.recipe, self.caches, self.noise, self.vocabulary, self.model.settings.features.tailSamples)
        started = last = saved = evaluated = time.monotonic()
        sums: Counter[str] = Counter()
        bar = tqdm(total=steps, initial=self.step, file=sys.stderr, disable=not sys.stderr.isatty(), desc="training")
        for self.position, in_epoch, batch in batches.start(self.position):
            parts = self.train_step(batch, steps)
            sums.update(parts)
            now = time.monotonic()
            self.seconds += now - last
            last = now
            bar.update()
            if self.step % log_every == 0:
                means = {key: round(value / log_every, 6 if key == "rate" else 3) for key, value in sums.items()}
                sums.clear()
                bar.set_postfix(loss=means["total"])
                self.log({**means, "batch": f"{self.position.batch}/{in_epoch}"})
            done = self.step >= steps or stop.is_set() or (minutes is not None and now - started > 60 * minutes)
            if done or now - saved > 60 * settings.checkpointMinutes:
                self.save()
                saved = now
            if done or now - evaluated > 60 * settings.evaluationMinutes:
                if not stop.is_set():
                    self.evaluate()
                evaluated = last = time.monotonic()
            if done:
                break
        bar.close()
        for number, handler in previous.items():
            signal.signal(number, handler)

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
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn
from tqdm import tqdm

from . import data
from .audio import SAMPLE_RATE
from .data import Batch, Cache, base_name
from .evaluate import evaluate
from .features import frame_count, log_mel, running_mean
from .lexicon import Lexicon
from .losses import ctc_losses, needed_frames, transducer_losses
from .masked_prediction import RandomQuantiser, masked_prediction_loss
from .model import Recogniser, on_device, parameter_counts, start_new_blocks, subsampled
from .recipe import Recipe, Stage, TrainingSettings
from .teacher import FRAME, SCALE, WIDTH, Targets
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


@dataclass(frozen=True)
class Peers:
    """The processes that train one model together, as torchrun starts them; one alone without it."""

    rank: int = 0
    count: int = 1

    @staticmethod
    def join() -> "Peers":
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return Peers()
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return Peers(torch.distributed.get_rank(), count)

    def average(self, parameters: list[nn.Parameter]) -> None:
        """Replaces every gradient by its mean over the processes; a missing one counts as zeros."""
        if self.count == 1:
            return
        for value in parameters:
            if value.requires_grad and value.grad is None:
                value.grad = torch.zeros_like(value)
        gradients = [value.grad for value in parameters if value.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.count
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
            gradient.copy_(part.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so: all must stop at the same step."""
        if self.count == 1:
            return flag
        device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
        said = torch.tensor([int(flag)], device=device)
        torch.distributed.all_reduce(said, op=torch.distributed.ReduceOp.MAX)
        return bool(said.item())


class Batches:
    """Batches of one stage from a position on; the same ones for the same recipe and seed.

    Each batch draws its randomness from (seed, epoch, number), so a resumed run continues as if nothing had happened.
    """

    def __init__(
        self, recipe: Recipe, stage: Stage, caches: list[Cache], noise: Cache | None, vocabulary: Vocabulary, tail: int,
        lexicon: Lexicon | None = None, rooms: numpy.ndarray | None = None, peers: Peers = Peers(),
        teachers: dict[data.Clip, Targets] | None = None,
    ):
        self.recipe, self.stage, self.noise, self.vocabulary, self.tail = recipe, stage, noise, vocabulary, tail
        self.lexicon, self.rooms, self.peers, self.teachers = lexicon, rooms, peers, teachers
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
        if self.recipe.shares:
            clips = [clip for clip in clips if generator.random() < self.recipe.shares.get(clip.set, 1.0)]
        items = data.epoch_items(clips, generator, concatenation)
        return data.batches_by_length(items, self.recipe.training.batchSeconds, self.tail, generator)

    def _make(self, items: list[data.Item], position: Position) -> tuple[Tensor, ...]:
        """Log-mel [B, T, bins] (augmented, not yet normalised), frames [B], targets [B, U], target counts [B].

        With a lexicon, phone targets [B, P] and their counts [B] as well; a count of 0 is a text that it cannot spell.
        """
        generator = random.Random(f"{self.recipe.seed}/{position.epoch}/{position.batch}")
        augmentation = self.stage.augmentation.at(position.epoch)
        batch: Batch = data.load_batch(
            items, self, self.vocabulary.encode, self.tail, augmentation, self.noise, generator, self.rooms
        )
        features = log_mel(torch.from_numpy(batch.samples), self.settings)
        if augmentation.telephoneProbability > 0:
            data.telephone_band(features.numpy(), augmentation, generator, math.log(self.settings.floor))
        frames = frame_count(torch.from_numpy(batch.sample_counts), self.settings)
        made = features, frames, torch.from_numpy(batch.targets), torch.from_numpy(batch.target_counts)
        if self.teachers is not None:
            made += self._taught(batch, int(subsampled(frames).max()))
        if self.lexicon is None:
            return made
        spelled = [self.lexicon.encode(item.text) or [] for item in items]
        phones = torch.zeros(len(items), max(1, max(map(len, spelled))), dtype=torch.long)
        for row, ids in enumerate(spelled):
            phones[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        return *made, phones, torch.tensor([len(ids) for ids in spelled])

    def _taught(self, batch: Batch, frames: int) -> tuple[Tensor, Tensor]:
        """The teacher's outputs at every encoder frame, int8 [B, T, width], and where there are any, [B, T]."""
        taught = numpy.zeros((len(batch.sources), frames, WIDTH), dtype=numpy.int8)
        known = numpy.zeros((len(batch.sources), frames), dtype=bool)
        middle = numpy.arange(frames) * FRAME + FRAME // 2
        for row, sources in enumerate(batch.sources):
            begin = 0
            for source in sources:
                inside = numpy.flatnonzero((middle >= begin) & (middle < begin + source.length))
                places = source.start + ((middle[inside] - begin) * source.factor).astype(numpy.int64)
                taught[row, inside] = self.teachers[source.clip].rows(source.clip, places)
                known[row, inside] = True
                begin += source.length
        return torch.from_numpy(taught), torch.from_numpy(known)

    def samples(self, clip: data.Clip, coded: bool = False) -> numpy.ndarray:
        return self.source[clip].samples(clip, coded)

    def _jobs(self, position: Position) -> Iterator[tuple[Position, int, list[data.Item], Position]]:
        """For ever: (position after the batch, batches in the epoch, the batch's items, its own position).

        Of several processes each takes every so manieth batch; what does not divide at an epoch's end is left out.
        """
        epoch, first = position.epoch, position.batch
        while True:
            plan = self._plan(epoch)
            rounds = len(plan) // self.peers.count
            if rounds == 0:
                raise ValueError(f"an epoch has {len(plan)} batches, fewer than {self.peers.count} processes: make training.batchSeconds smaller")
            for number in range(first, rounds):
                after = Position(epoch + 1, 0) if number + 1 == rounds else Position(epoch, number + 1)
                place = number * self.peers.count + self.peers.rank
                yield after, rounds, plan[place], Position(epoch, place)
            epoch, first = epoch + 1, 0

    def _start_processes(self, position: Position, count: int) -> Iterator[tuple[Position, int, tuple[Tensor, ...]]]:
        """The same batches in the same order, made by `training.loaders` processes: a GPU eats faster than one core cooks."""
        ahead: deque = deque()

        def jobs():
            for after, rounds, items, place in islice(self._jobs(position), count):
                ahead.append((after, rounds))
                yield items, place

        loader = torch.utils.data.DataLoader(
            _Maker(self), batch_size=None, sampler=jobs(), num_workers=self.recipe.training.loaders, prefetch_factor=3,
            multiprocessing_context="fork",
        )
        for made in loader:
            yield *ahead.popleft(), tuple(made)

    def start(self, position: Position, count: int) -> Iterator[tuple[Position, int, tuple[Tensor, ...]]]:
        """Yields `count` times (position after this batch, batches in the epoch, batch), made ahead in a thread or in processes."""
        if self.recipe.training.loaders > 0:
            yield from self._start_processes(position, count)
            return
        ready: queue.Queue = queue.Queue(maxsize=3)

        def work() -> None:
            try:
                for after, rounds, items, place in islice(self._jobs(position), count):
                    ready.put((after, rounds, self._make(items, place)))
            except BaseException as error:  # handed to the training loop, which raises it
                ready.put(error)

        threading.Thread(target=work, daemon=True).start()
        for _ in range(count):
            made = ready.get()
            if isinstance(made, BaseException):
                raise made
            yield made


def make_optimizers(
    model: Recogniser, settings: TrainingSettings, phone_head: nn.Module | None = None, teacher_heads: nn.Module | None = None,
    muon: type[torch.optim.Optimizer] = torch.optim.Muon,
) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon (Jordan et al. 2024) for the matrices inside the blocks and AdamW for the rest.

    Heads, embeddings, the subsampling's convolutions, biases and norms are AdamW's in either case. Muon's steps are
    scaled to AdamW's root mean square (arXiv 2502.16982), so that one learning rate serves both.
    The transducer is shallow and starts late: it bears, and needs, larger steps than the encoders below it.
    """
    orthogonal, transducer, others = [], [], []
    for name, value in model.named_parameters():
        if settings.optimizer == "muon" and ".blocks." in name and value.dim() == 2:
            orthogonal.append(value)
        else:
            (transducer if name.startswith("transducer.") else others).append(value)
    others += list(phone_head.parameters()) if phone_head else []
    groups = [
        {"params": others, "factor": 1.0}, {"params": transducer, "factor": settings.transducerRate},
        {"params": list(teacher_heads.parameters()) if teacher_heads else [], "factor": 1.0},  # last: it may join a run half-way
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=settings.learningRate, betas=(0.9, 0.99),
            weight_decay=settings.weightDecay, fused=True,
        )
    ]
    if orthogonal:
        optimizers.append(
            muon(
                [{"params": orthogonal, "factor": 1.0}], lr=settings.learningRate, weight_decay=settings.weightDecay,
                momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw",
            )
        )
    return optimizers


class _Maker(torch.utils.data.Dataset):
    """Makes a batch of what stands in its job; forked with the memory maps that it needs."""

    def __init__(self, batches: Batches):
        self.batches = batches

    def __getitem__(self, job: tuple[list[data.Item], Position]) -> tuple[Tensor, ...]:
        return self.batches._make(*job)


def learning_rate(step: int, recipe: Recipe, steps: int) -> float:
    """Linear warm-up, then a cosine down to `finalLearningRate` of the peak at the last step; with `decaySteps` the rate
    stays at its peak and falls in a straight line over the last so many steps, so that a run can be made longer later.

    What `headsFirst` trains comes before all of this, at the peak. With `growth` there are two such arcs: the first ends (at a third of its peak) where the whole model begins the second.
    """
    settings = recipe.training
    peak, final, first, last = settings.learningRate, settings.finalLearningRate, settings.headsFirst, steps
    if step < settings.headsFirst:
        return peak * min(1.0, (step + 1) / 50)
    if settings.growth and step < settings.growth["untilStep"]:
        final, last = 0.3, settings.growth["untilStep"]
    elif settings.growth:
        peak, first = settings.growth["learningRate"], settings.growth["untilStep"]
    alone = settings.transducerAlone
    if alone and step >= alone["fromStep"]:
        peak, first = alone["learningRate"], alone["fromStep"]
    if step - first < settings.warmupSteps:
        return peak * (step - first + 1) / settings.warmupSteps
    if settings.decaySteps is not None:
        return peak * max(final, min(1.0, (last - step) / max(1, settings.decaySteps)))
    part = min(1.0, (step - first - settings.warmupSteps) / max(1, last - first - settings.warmupSteps))
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * part)))


def only_transducer_learns(model: Recogniser) -> bool:
    return not any(value.requires_grad for name, value in model.named_parameters() if not name.startswith("transducer."))


def batch_loss(
    model: Recogniser, recipe: Recipe, normalised: Tensor, frames: Tensor, targets: Tensor, target_counts: Tensor,
    generator: random.Random, phone_head: nn.Module | None = None, phones: tuple[Tensor, Tensor] | None = None,
    teacher_heads: nn.ModuleDict | None = None, taught: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch per token, and its parts for the log, scalars on the model's device.

    `frames` and the counts (of the phones as well) lie on the CPU, where they were made; all else on the model's device. Python waits for
    the device nowhere but inside CTC, so that it can go on launching what comes next.

    Sum of the exits' CTC losses, plus the second encoder's CTC and the transducer, plus a CTC over phones where
    there is a head for them (`phones` are targets and counts), plus the squared distance to the teacher's outputs
    (`taught`, standardised) at a block of the first pass and at the second encoder's end. The transducer's lattice has
    T·U cells of V probabilities each, so only as many utterances as fit `transducerCells` go through it, drawn
    anew at each step.
    """
    settings, device = recipe.training, normalised.device
    frozen = only_transducer_learns(model)
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"), torch.set_grad_enabled(not frozen):
        output = model(normalised, frames.to(device, non_blocking=True))
    lengths_here = subsampled(frames)
    exits = [] if settings.freezeFirstPass else output.exits
    heads = exits + ([output.second_logits] if output.second_logits is not None else [])
    weights = list(settings.exitWeights or [1.0] * len(exits))[: len(exits)]
    if output.second_logits is not None:
        weights.append(settings.secondWeight)
    losses = ctc_losses(torch.stack(heads), lengths_here, targets, target_counts).sum(1)
    tokens = max(1, int(target_counts.sum()))
    losses = losses / tokens
    total = (losses * torch.tensor(weights).to(device, non_blocking=True)).sum()
    parts = {f"exit{number}": value for number, value in enumerate(losses[: len(exits)], start=1)}
    if output.second_logits is not None:
        parts["second-ctc"] = losses[-1]
        order = list(range(len(frames)))
        generator.shuffle(order)
        chosen, longest, most = [], 0, 0
        row_lengths, row_counts = lengths_here.tolist(), target_counts.tolist()
        for row in order:
            length, labels = max(longest, row_lengths[row]), max(most, row_counts[row] + 1)
            if length * labels * (len(chosen) + 1) > settings.transducerCells:
                continue
            chosen.append(row)
            longest, most = length, labels
        if chosen and settings.transducerWeight > 0:
            rows = torch.tensor(chosen).to(device, non_blocking=True)
            lengths, counts = output.lengths[rows], target_counts[chosen].to(device, non_blocking=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                blank, labels = model.transducer.lattice(output.second[-1][rows, :longest], targets[rows, : most - 1])
            loss = transducer_losses(blank, labels, lengths, counts).sum() / counts.sum().clamp(min=1)
            total = total + settings.transducerWeight * loss
            parts["transducer"] = loss
    if settings.attentionWeight > 0 and output.second is not None:
        # 0 begins the input and ends the wanted text; what lies behind the end is ignored.
        begun = nn.functional.pad(targets, (1, 0))
        place = torch.arange(begun.shape[1], device=device)[None, :]
        counts = target_counts.to(device)[:, None]
        begun = begun.masked_fill(place > counts, 0)
        wanted = nn.functional.pad(targets, (0, 1)).masked_fill(place == counts, 0).masked_fill(place > counts, -100)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            logits = model.attentionDecoder(begun, output.second[-1], output.lengths)
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), label_smoothing=0.1)
        total = total + settings.attentionWeight * loss
        parts["attention"] = loss
    if phone_head is not None and phones is not None:
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            logits = phone_head(output.blocks[settings.phones["afterBlock"] - 1])
        spelled = ctc_losses(logits[None], lengths_here, *phones)[0].masked_fill((phones[1] == 0).to(device), 0.0)
        loss = spelled.sum() / max(1, int(phones[1].sum()))
        total = total + settings.phones["weight"] * loss
        parts["phones"] = loss
    if teacher_heads is not None and taught is not None:
        wanted, known = taught
        outputs = {"first": output.blocks[settings.teacher["afterBlock"] - 1], "second": output.second[-1] if output.second else None}
        for name, head in teacher_heads.items():
            if outputs[name] is None:
                continue
            # The first pass hears a little later what it is asked for: it has no look-ahead beyond its chunk.
            delay = settings.teacher["delayFrames"] if name == "first" else 0
            frames = wanted.shape[1] - delay
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
                said = head(outputs[name][:, delay:])
            distance = (said.float() - wanted[:, :frames].float() / SCALE).square().mean(-1)
            loss = (distance * known[:, :frames]).sum() / known[:, :frames].sum().clamp(min=1)
            total = total + settings.teacher[name] * loss
            parts[f"teacher-{name}"] = loss
    parts["total"] = total
    return total, {name: value.detach() for name, value in parts.items()}


class Run:
    """One training run in a folder: checkpoint.pt, vocabulary.json, log.jsonl.

    `initialise` is another run's checkpoint: subsampling, both encoders' blocks and feature statistics start from its averaged weights. With
    `whole` everything that fits does, heads too, from the weights as they were trained. Blocks of the second encoder that the other run
    had not begin close to the identity.
    """

    def __init__(self, recipe: Recipe, cache_folder: Path, folder: Path, initialise: Path | None = None, whole: bool = False):
        self.recipe, self.folder = recipe, folder
        self.peers = Peers.join()
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        stages = [*recipe.earlier, recipe.stage_at(recipe.training.steps)]
        self.sources = {name: Cache(cache_folder, name) for stage in stages for name in stage.train}
        self.caches = list(self.sources.values())
        for stage in stages:
            if stage.augmentation.opusProbability > 0 and not all(self.sources[name].is_coded for name in stage.train):
                raise FileNotFoundError(f"{cache_folder}: augmentation.opusProbability needs coded copies of {', '.join(stage.train)}; run `python -m tandem_training prepare` with --opus")
            if stage.augmentation.padProbability > 0 or stage.augmentation.emptyShare > 0:
                raise ValueError("augmentation.padProbability and emptyShare are for train-timed; `train` would leave them out")
        first = [self.sources[name] for name in stages[0].train]  # vocabulary and statistics do not change half-way
        self.dev = Cache(cache_folder, recipe.dev)
        self.noise = Cache(cache_folder, recipe.noise) if recipe.noise else None
        self.rooms = None
        if any(stage.augmentation.roomProbability > 0 for stage in stages):
            rooms = cache_folder / "rooms.npy"
            if not rooms.exists():
                raise FileNotFoundError(f"{rooms} is not there; run `python -m tandem_training prepare` with --rooms first")
            self.rooms = numpy.load(rooms, mmap_mode="r")
        vocabulary_file = folder / "vocabulary.json"
        if not vocabulary_file.exists() and self.peers.rank == 0 and whole and initialise:
            Vocabulary.load(initialise.parent / vocabulary_file.name).save(vocabulary_file)  # its heads mean these tokens
        elif not vocabulary_file.exists() and self.peers.rank == 0:
            build_vocabulary(recipe, first).save(vocabulary_file)
        self.peers.any(False)  # nobody reads the vocabulary before it is written
        self.vocabulary = Vocabulary.load(vocabulary_file)
        self.model = Recogniser(recipe.model_settings(len(self.vocabulary)), recipe.training.dropout, recipe.training.secondDropout)
        self.average: dict[str, Tensor] = {}
        self.step, self.seconds, self.position = 0, 0.0, Position()
        checkpoint = folder / "checkpoint.pt"
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True) if checkpoint.exists() else None
        if saved:
            self.model.load_state_dict(saved["model"])
        else:
            if recipe.training.freezeFirstPass and not (initialise and whole):
                raise ValueError("training.freezeFirstPass needs a first pass: give the checkpoint of another run with --initialise-whole")
            measure_statistics(self.model, first, recipe.seed)
            if initialise:
                self._initialise(initialise, whole)
        self.model.to(self.device)
        self.lexicon = Lexicon.load(cache_folder / "lexicon.json") if recipe.training.phones else None
        dimension = recipe.model["encoder"]["dimension"]
        self.phone_head = nn.Linear(dimension, self.lexicon.size).to(self.device) if self.lexicon else None
        if saved and self.phone_head:
            self.phone_head.load_state_dict(saved["phoneHead"])
        self.teacher_heads = None
        if recipe.training.teacher:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(recipe.seed + 1)  # heads that join later leave the random numbers of all else as they were
                widths = {"first": dimension, "second": (recipe.model.get("secondEncoder") or {}).get("dimension")}
                self.teacher_heads = nn.ModuleDict(
                    {name: nn.Linear(width, WIDTH) for name, width in widths.items() if width and recipe.training.teacher[name] > 0}
                ).to(self.device)
            if saved and saved.get("teacherHeads"):
                self.teacher_heads.load_state_dict(saved["teacherHeads"])
            self.teachers = {
                clip: targets for name in {name for stage in stages for name in stage.train}
                for targets in [Targets(cache_folder / f"{base_name(name)}.teacher", Cache(cache_folder, base_name(name)).clips, WIDTH)]
                for clip in self.sources[name].clips
            } if self.stage_is_taught(recipe.training.steps) else None
        self.quantiser = None
        if recipe.training.objective == "masked-prediction":
            self.quantiser = RandomQuantiser(self.model.settings.features.melBins, dimension, recipe.seed).to(self.device)
            if saved:
                self.quantiser.load_state_dict(saved["quantiser"])
        self.model.codecNoise = recipe.training.codecNoise
        # Beginnings of the names of what never learns in this run.
        self.fixed = ("subsampling.", "encoder.") if recipe.training.freezeFirstPass else ("subsampling.", "encoder.blocks.") if recipe.training.freezeEncoder else ()
        for name, value in self.model.named_parameters():
            value.requires_grad_(not name.startswith(self.fixed))
        self.optimizers = make_optimizers(self.model, recipe.training, self.phone_head or (self.quantiser and self.quantiser.head), self.teacher_heads)
        self.average = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        if saved:
            # Moments from the checkpoint, settings from the recipe, should it have been changed in between.
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
            self.average = {name: value.to(self.device) for name, value in saved["average"].items()}
            self.step, self.seconds = saved["step"], saved["seconds"]
            self.position = Position(*saved["position"])
            torch.set_rng_state(saved["random"])
        # A checkpoint at the very step of growing has not grown yet, hence the step before it.
        self.model.depth = recipe.training.depth_at(max(0, self.step - 1))
        self.learnt = [value for optimizer in self.optimizers for group in optimizer.param_groups for value in group["params"]]
        self.infeasible = count_infeasible(self.caches, self.vocabulary, self.model.settings.features)

    def _initialise(self, checkpoint: Path, whole: bool) -> None:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        # The average is the better model to build other heads on; training itself goes on better from where it stood.
        weights = saved["model"] if whole else {**saved["model"], **saved["average"]}
        if self.recipe.training.freezeFirstPass:
            # What stays as it is should be what is exported: the average.
            weights = {**weights, **{name: value for name, value in saved["average"].items() if on_device(name)}}
        wanted = self.model.state_dict()
        kept = ("",) if whole else ("subsampling.", "encoder.blocks.", "features.", "secondEncoder.input.", "secondEncoder.blocks.")
        taken = {
            name: value for name, value in weights.items() if name.startswith(kept) and name in wanted and wanted[name].shape == value.shape
        }
        if self.model.settings.secondEncoder is not None:
            start_new_blocks(weights, taken, len(self.model.settings.secondEncoder["blocks"]))
        if not any(name.startswith("encoder.blocks.") for name in taken):
            raise ValueError(f"{checkpoint}: holds no block of this recipe's shape")
        self.model.load_state_dict({**wanted, **taken})

    def stage_is_taught(self, step: int) -> bool:
        """Whether the teacher's outputs are asked for at a step."""
        teacher = self.recipe.training.teacher
        return teacher is not None and step >= teacher["fromStep"]

    def log(self, record: dict, text: str | None = None) -> None:
        if self.peers.rank != 0:
            return
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
        if self.peers.rank != 0:
            return
        partial = self.folder / "checkpoint.partial"
        torch.save(
            {
                "model": self.model.state_dict(), "optimizers": [optimizer.state_dict()["state"] for optimizer in self.optimizers],
                "average": self.average, "phoneHead": self.phone_head.state_dict() if self.phone_head else None,
                "teacherHeads": self.teacher_heads.state_dict() if self.teacher_heads else None,
                "quantiser": self.quantiser.state_dict() if self.quantiser else None,
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

    def freeze_blocks(self, frozen: bool) -> None:
        """Whether subsampling and both encoders' blocks stay as they are: new heads on a trained encoder would shake it to pieces."""
        for name, value in self.model.named_parameters():
            if name.startswith(("subsampling.", "encoder.blocks.", "secondEncoder.input.", "secondEncoder.blocks.")):
                value.requires_grad_(not frozen and not name.startswith(self.fixed))

    def train_step(self, batch: tuple[Tensor, ...], steps: int) -> dict[str, float]:
        recipe = self.recipe
        if self.step <= recipe.training.headsFirst > 0:
            self.freeze_blocks(self.step < recipe.training.headsFirst)
        if self.model.depth is not None and recipe.training.depth_at(self.step) is None:
            for name in self.model.grow():
                self.average[name].copy_(self.model.get_parameter(name).detach())
        alone = recipe.training.transducerAlone
        if alone and self.step >= alone["fromStep"] and not only_transducer_learns(self.model):
            self.freeze_encoders(from_average=self.step == alone["fromStep"])
        features, frames, targets, target_counts, *others = batch
        features, targets = features.to(self.device), targets.to(self.device)
        taught, phones = (tuple(part.to(self.device) for part in others[:2]), others[2:]) if self.stage_is_taught(self.step) else (None, others)
        phones = (phones[0].to(self.device), phones[1]) if phones else None
        generator = random.Random(f"{recipe.seed}/step/{self.step}" + (f"/{self.peers.rank}" if self.peers.rank else ""))
        normalised = self.model.normalise(features)
        masked = normalised.cpu()
        data.spectral_masks(masked.numpy(), frames.numpy(), recipe.stage_at(self.step).augmentation.at(self.position.epoch), generator)
        rate = learning_rate(self.step, recipe, steps)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
        self.model.train()
        if recipe.training.freezeFirstPass:
            self.model.encoder.eval()  # without dropout: it gives what it will give
        if self.quantiser is not None:
            loss, parts = masked_prediction_loss(
                self.model, self.quantiser, normalised, frames.to(self.device), generator, recipe.training.precision == "bfloat16"
            )
        else:
            loss, parts = batch_loss(
                self.model, recipe, masked.to(self.device), frames, targets, target_counts, generator,
                self.phone_head, phones, self.teacher_heads, taught,
            )
            parts = dict(zip(parts, torch.stack(list(parts.values())).tolist()))
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not so where only the transducer learns and no utterance fits its cells
            loss.backward()
        self.peers.average(self.learnt)
        norm = float(torch.nn.utils.clip_grad_norm_([value for value in self.learnt if value.grad is not None], recipe.training.gradientNorm))
        if math.isfinite(norm):
            for optimizer in self.optimizers:
                optimizer.step()
        self.step += 1
        # A young average follows faster, or it would remember the random start for a thousand steps.
        decay = min(recipe.training.averageDecay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.values()), [value.detach() for value in self.model.parameters()], 1 - decay)
        return {**parts, "gradient": norm, "rate": rate, "skipped": 0.0 if math.isfinite(norm) else 1.0}

    def batches(self, steps: int) -> Iterator[tuple[Position, int, tuple[Tensor, ...]]]:
        """What is left of the stages up to `steps` in all; each stage begins with an epoch of its own."""
        while self.step < steps:
            stage = self.recipe.stage_at(self.step)
            last = min(steps, stage.untilStep or steps)
            stream = Batches(
                self.recipe, stage, [self.sources[name] for name in stage.train], self.noise, self.vocabulary,
                self.model.settings.features.tailSamples, self.lexicon, self.rooms, self.peers,
                self.teachers if self.stage_is_taught(self.step) else None,
            )
            for position, in_epoch, batch in stream.start(self.position, last - self.step):
                if self.step + 1 == stage.untilStep:
                    position = Position(position.epoch + 1, 0)
                yield position, in_epoch, batch

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
        started = last = saved = evaluated = time.monotonic()
        sums: Counter[str] = Counter()
        summed = 0
        bar = tqdm(total=steps, initial=self.step, file=sys.stderr, disable=not sys.stderr.isatty(), desc="training")
        for self.position, in_epoch, batch in self.batches(steps):
            parts = self.train_step(batch, steps)
            sums.update(parts)
            summed += 1
            now = time.monotonic()
            self.seconds += now - last
            last = now
            bar.update()
            if self.step % log_every == 0:
                means = {key: round(value / summed, 6 if key == "rate" else 3) for key, value in sums.items()}
                sums.clear()
                summed = 0
                bar.set_postfix(loss=means["total"])
                self.log({**means, "batch": f"{self.position.batch}/{in_epoch}"})
            done = self.step >= steps or self.peers.any(stop.is_set() or (minutes is not None and now - started > 60 * minutes))
            if done or now - saved > 60 * settings.checkpointMinutes:
                self.save()
                saved = now
            if done or now - evaluated > 60 * settings.evaluationMinutes:
                if not stop.is_set() and self.peers.rank == 0 and self.quantiser is None:
                    self.evaluate()
                evaluated = last = time.monotonic()
            if done:
                break
        bar.close()
        for number, handler in previous.items():
            signal.signal(number, handler)

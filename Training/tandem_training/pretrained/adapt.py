"""Joint fine-tuning of a pre-trained encoder with exits (arXiv 2309.09546) and its decoder, for a given time.

The loss is the decoder's cross entropy plus the exits' CTC losses. The learning rate follows the clock, not steps, so that a run on a
machine that is lent for minutes always ends with its rate decayed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..vocabulary import Vocabulary
from .resident import Clips, Drawing, Plan, Plans, Speech, mask
from .validate import table, validate
from .weights import read_weights
from .whisper import Dimensions, Linear, Whisper, log_mel

METHODS = ("whole", "mixed", "low-rank", "branch", "frozen", "scratch")


def build(weights: Path, exits: list[int], vocabulary: int, method: str, rank: int, dropout: float) -> Whisper:
    """A model whose trainable parameters are those of a method.

    whole: everything but embeddings and positions. mixed: the encoder whole, the decoder by low-rank deltas. low-rank: both by deltas.
    branch: the public encoder frozen, exits with a layer of their own that starts as the backbone's next; decoder by deltas.
    frozen: linear exits on the frozen public model. scratch: the encoder and exits from random weights, decoder by deltas.
    Norms and biases of what learns by deltas are trained whole: they are few.
    """
    tensors = read_weights(weights)
    size = Dimensions.of(tensors)
    model = Whisper(size, exits, vocabulary, branch=method == "branch", dropout=dropout)
    if method == "scratch":
        tensors = {name: value for name, value in tensors.items() if name.startswith("decoder.") or name == "encoder.positions"}
        tensors = {**model.state_dict(), **tensors}
    model.load_public(tensors)
    low_rank = {"mixed": [model.decoder], "low-rank": [model.encoder, model.decoder], "branch": [model.decoder], "scratch": [model.decoder]}
    for part in low_rank.get(method, []):
        for module in part.modules():
            if isinstance(module, Linear):
                module.add_low_rank(rank)
    if method in ("branch", "frozen"):
        model.encoder.requires_grad_(False)
    if method == "frozen":
        model.decoder.requires_grad_(False)
    return model


def groups(model: Whisper, rate: float, method: str) -> list[dict]:
    """Parameter groups with their peak rates: heads and deltas bear, and need, larger steps than pre-trained weights."""
    factors: dict[float, list[nn.Parameter]] = {}
    for name, value in model.named_parameters():
        if not value.requires_grad:
            continue
        if ".lowRank" in name:
            factor = 4.0
        elif name.startswith("exits.") and ".layer." not in name:
            factor = 8.0
        elif method == "scratch" and name.startswith("encoder."):
            factor = 8.0
        else:
            factor = 1.0
        factors.setdefault(factor, []).append(value)
    return [{"params": values, "peak": rate * factor} for factor, values in factors.items()]


def rate_at(part: float, warm: float = 0.06) -> float:
    """Share of the peak rate at a part of the run's time: linear up, cosine down to a hundredth."""
    return max(part, 1e-3) / warm if part < warm else 0.01 + 0.495 * (1 + math.cos(math.pi * min(1.0, (part - warm) / (1 - warm))))


def word_loss(decoder, memory: Tensor, words: Tensor, prompt: int, smoothing: float, noise: float) -> Tensor:
    """Cross entropy of the next token, mean over tokens; words [B, W] begin with `prompt` given tokens, -100 where there is none.

    A share `noise` of the tokens that it has seen is replaced by random ones, so that it listens rather than continues.
    """
    seen, wanted = words[:, :-1].clamp(min=0), words[:, 1:]
    wrong = (torch.rand(seen.shape, device=seen.device) < noise) & (torch.arange(seen.shape[1], device=seen.device) >= prompt)
    seen = torch.where(wrong, torch.randint(0, 50000, seen.shape, device=seen.device), seen)
    wanted = torch.where(torch.arange(wanted.shape[1], device=wanted.device) >= prompt - 1, wanted, -100)
    hidden = decoder(seen, memory)
    known = wanted >= 0
    return functional.cross_entropy(
        decoder.logits(hidden[known]).float(), wanted[known], label_smoothing=smoothing)


def ctc_loss(logits: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Summed over the batch; rows that cannot be aligned count nothing."""
    lengths = torch.full((logits.shape[0],), logits.shape[1], dtype=torch.long, device=logits.device)
    return functional.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1), targets, lengths, counts, reduction="sum", zero_infinity=True)


def take_step(optimizer: torch.optim.Optimizer, trained: list[nn.Parameter], clip: float) -> Tensor:
    """Clips the gradient's norm and steps, unless it is not finite: then nothing changes. Returns 1 for that, 0 otherwise, on the device.

    On a GPU the fused optimizer looks itself, so that the CPU need not wait for the gradient.
    """
    norm = nn.utils.clip_grad_norm_(trained, clip)
    bad = (~torch.isfinite(norm)).float()
    if norm.is_cuda:
        optimizer.found_inf = bad
        optimizer.step()
    elif not bad:
        optimizer.step()
    return bad


class Average:
    """An exponential moving average of the trainable parameters."""

    def __init__(self, model: nn.Module, decay: float):
        self.live = [value for value in model.parameters() if value.requires_grad]
        self.kept = [value.detach().clone() for value in self.live]
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        torch._foreach_lerp_(self.kept, self.live, 1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))

    @torch.no_grad()
    def swap(self) -> None:
        for live, kept in zip(self.live, self.kept):
            value = live.clone()
            live.copy_(kept)
            kept.copy_(value)


class Setting:
    """What all runs of a session share: data on the device, tokens, options."""

    def __init__(self, options: argparse.Namespace, like: "Setting | None" = None):
        """`like`: a setting whose samples on the device are used again, for another backbone's tokens."""
        from tokenizers import Tokenizer

        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.precision = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.vocabulary = Vocabulary.load(options.vocabulary)
        self.tokenizer = Tokenizer.from_file(str(options.tokenizer))
        token = self.tokenizer.token_to_id
        multilingual = token("<|en|>") is not None and token("<|endoftext|>") == 50257
        names = ["<|startoftranscript|>", *(["<|en|>", "<|transcribe|>"] if multilingual else []), "<|notimestamps|>"]
        self.prompt, self.end = [token(name) for name in names], token("<|endoftext|>")
        self.speech = like.speech if like else Speech(options.cache, options.train, self.device, augmented=True)
        self.clips = Clips.load(options.cache, options.train, self.vocabulary, self.tokenizer)
        self.dev = like.dev if like else Speech(options.cache, "dev", self.device, augmented=False)
        self.devClips = Clips.load(options.cache, "dev")

    def plans(self, batch_seconds: float, seed: int):
        drawing = Drawing(
            batch_seconds, tuple(self.prompt), self.end, rooms=self.speech.rooms.shape[0], noises=self.speech.noiseLengths)
        count = self.options.loaders
        return iter(torch.utils.data.DataLoader(
            Plans(self.clips, drawing, seed), batch_size=None, num_workers=count, collate_fn=lambda plan: plan,
            prefetch_factor=6 if count else None, persistent_workers=False))

    def check(self, model: Whisper, most: int | None, decode: bool = True, half=None):
        return validate(
            model, self.dev, self.devClips, self.vocabulary, self.tokenizer, self.prompt, self.end,
            seconds=self.options.batch_seconds, most=most, precision=self.precision, decode=decode, half=half)

    def features(self, plan: Plan, mel: int) -> Tensor:
        with torch.no_grad():
            return mask(log_mel(self.speech.waves(plan), mel), torch.from_numpy(plan.masks).to(self.device))


def run(setting: Setting, method: str, seconds: float, out: Path, name: str) -> tuple[Whisper, dict]:
    """One training; leaves the averaged weights in the model that it returns."""
    options, device = setting.options, setting.device
    torch.manual_seed(options.seed)
    model = build(options.weights, options.exits, len(setting.vocabulary), method, options.rank, options.dropout).to(device)
    rate = options.rate
    parameters = groups(model, rate, method)
    optimizer = torch.optim.AdamW(
        [{**group, "lr": 0.0} for group in parameters], betas=(0.9, 0.98), weight_decay=options.decay, fused=device.type == "cuda")
    trained = [value for group in parameters for value in group["params"]]
    average = Average(model, options.average)
    plans = setting.plans(options.batch_seconds, options.seed)
    weights = dict(zip(options.exits, options.exit_weights))
    next(plans)  # the loaders' start is not the run's time
    began = said = time.monotonic()
    step, heard, epoch, sums = 0, 0.0, 0, torch.zeros(1 + len(options.exits), device=device)
    counts = torch.zeros(2, device=device)
    while (passed := time.monotonic() - began) < seconds:
        epoch, plan = next(plans)
        factor = rate_at(passed / seconds)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        features = setting.features(plan, model.size.mel)
        words, ctc = torch.from_numpy(plan.words).to(device), torch.from_numpy(plan.ctc).to(device)
        ctc_counts = torch.from_numpy(plan.ctcCount).to(device)
        with torch.autocast(device.type, setting.precision, enabled=setting.precision != torch.float32):
            # New heads' first gradients are large and say nothing: they would only harm what is pre-trained.
            memory, exits = model.encode(features, heads_alone=passed < options.heads_alone * seconds and method != "scratch")
            losses = [] if method == "frozen" else [
                word_loss(model.decoder, memory, words, len(setting.prompt), options.smoothing, options.token_noise)]
            pieces = [ctc_loss(exits[depth], ctc, ctc_counts) / float(max(1, plan.ctcCount.sum())) for depth in options.exits]
        loss = sum(losses) + sum(weights[depth] * piece for depth, piece in zip(options.exits, pieces))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        bad = take_step(optimizer, trained, options.clip)
        average.update()
        step += 1
        heard += plan.window * plan.hiss.size / 16000
        sums += torch.stack([*(losses or [torch.zeros((), device=device)]), *pieces]).detach()
        counts += torch.stack([torch.ones((), device=device), bad])
        if time.monotonic() - said > options.say:
            mean = (sums / counts[0]).tolist()
            print(
                f"{name}: {passed:.0f}/{seconds:.0f} s, step {step}, epoch {epoch}, {heard / 3600:.1f} h heard, {heard / passed:.0f} s/s, losses "
                + " ".join(f"{value:.3f}" for value in mean) + f", bad {int(counts[1])}", flush=True)
            sums.zero_(), counts.zero_()
            said = time.monotonic()
    average.swap()
    figures = {"name": name, "method": method, "seconds": seconds, "steps": step, "epochs": epoch, "hoursHeard": heard / 3600,
               "trained": sum(value.numel() for value in trained)}
    return model, figures


def judge(setting: Setting, model: Whisper, figures: dict, out: Path, most: int | None, half=None) -> None:
    began = time.monotonic()
    result = setting.check(model, most, half=half)
    figures["dev"] = {path: {name: round(100 * rate, 2) for name, rate in sets.items()} for path, sets in result.rates().items()}
    figures["devUtterances"] = most or len(setting.devClips.text)
    with open(out / "figures.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
    print(f"{figures['name']}: {json.dumps({k: v for k, v in figures.items() if k != 'dev'})}\n{table(result)}\n({time.monotonic() - began:.0f} s to judge)", flush=True)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem_training.pretrained.adapt")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--train", default="train", help="name of the cache to train on")
    parser.add_argument("--weights", type=Path, required=True, help="model.bin of a public Whisper")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True, help="CTC sub-words of the exits")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--method", choices=METHODS, default="mixed")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--exits", type=int, nargs="+", default=[2, 4, 6])
    parser.add_argument("--exit-weights", type=float, nargs="+", default=[0.2, 0.3, 0.3])
    parser.add_argument("--batch-seconds", type=float, default=1200)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--average", type=float, default=0.998)
    parser.add_argument("--smoothing", type=float, default=0.05)
    parser.add_argument("--token-noise", type=float, default=0.08)
    parser.add_argument("--clip", type=float, default=2.0)
    parser.add_argument("--heads-alone", type=float, default=0.05, help="part of the run in which the exits do not change the encoder")
    parser.add_argument("--loaders", type=int, default=6)
    parser.add_argument("--judge-most", type=int)
    parser.add_argument("--say", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="adapt")
    parser.add_argument("--save", type=Path, help="where the trained parameters go (torch)")
    return parser


def main() -> int:
    options = arguments().parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    setting = Setting(options)
    print(f"{len(setting.clips.text)} clips on {setting.device} after {time.monotonic() - began:.0f} s", flush=True)
    model, figures = run(setting, options.method, options.seconds, options.out, options.name)
    if options.save:
        torch.save({name: value for name, value in model.state_dict().items()}, options.save)
    judge(setting, model, figures, options.out, options.judge_most)
    return 0


if __name__ == "__main__":
    sys.exit(main())

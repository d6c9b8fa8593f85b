"""Everything that a quarter of an hour of a GPU is used for, in one process: the joint fine-tuning, the codec, the comparisons.

What is done is written at once; what there is no time left for is left out and said.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional

from . import adapt, store
from .adapt import Average, Setting, ctc_loss, judge, rate_at, run, take_step, word_loss
from .codec import EdgeHalf, entropies
from .weights import read_weights
from .whisper import Whisper


def train_codec(setting: Setting, model: Whisper, seconds: float, splits: list[int], stages: int, name: str) -> tuple[EdgeHalf, dict]:
    """Codecs at the splits and the edge's own layers above them, under a device half that no longer changes; the decoder goes on learning."""
    options, device = setting.options, setting.device
    torch.manual_seed(options.seed + 1)
    model.encoder.requires_grad_(False)
    model.exits.requires_grad_(False)
    edge = EdgeHalf(model, splits, stages=stages).to(device)
    edge.requires_grad_(True)
    fast = list(edge.codecs.parameters())
    known = {id(value) for value in fast}
    slow = [value for value in edge.parameters() if id(value) not in known]
    deltas = [value for value in model.decoder.parameters() if value.requires_grad]
    groups = [{"params": fast, "peak": 1e-3}, {"params": slow, "peak": options.rate}, {"params": deltas, "peak": options.rate}]
    optimizer = torch.optim.AdamW([{**group, "lr": 0.0} for group in groups], betas=(0.9, 0.98), weight_decay=options.decay, fused=device.type == "cuda")
    trained = fast + slow + deltas
    averages = [Average(edge, options.average), Average(model.decoder, options.average)]
    plans = setting.plans(options.batch_seconds, options.seed + 100)
    random = torch.Generator().manual_seed(options.seed)
    next(plans)
    began = said = time.monotonic()
    step, sums, counts = 0, torch.zeros(3, device=device), torch.zeros(2, device=device)
    model.train(), edge.train(), model.encoder.eval()
    while (passed := time.monotonic() - began) < seconds:
        epoch, plan = next(plans)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_at(passed / seconds)
        features = setting.features(plan, model.size.mel)
        words, ctc = torch.from_numpy(plan.words).to(device), torch.from_numpy(plan.ctc).to(device)
        counts_ctc = torch.from_numpy(plan.ctcCount).to(device)
        split = splits[int(torch.randint(len(splits), (1,), generator=random))]
        lossless = float(torch.rand(1, generator=random)) < 0.12
        # Few stages are harder: they are drawn more often than many.
        part = torch.rand(words.shape[0], generator=random).square()
        active = (1 + (part * stages).long()).to(device)
        with torch.autocast(device.type, setting.precision, enabled=setting.precision != torch.float32):
            with torch.no_grad():
                x = model.between(model.encoder.stem(features), 0, split)
                clean = model.encoder.norm(model.between(x, split))
            memory, logits, _ = edge(model, features, split, None if lossless else active)
            said_loss = word_loss(model.decoder, memory, words, len(setting.prompt), options.smoothing, options.token_noise)
            heard_loss = ctc_loss(logits, ctc, counts_ctc) / float(max(1, plan.ctcCount.sum()))
            distance = functional.mse_loss(memory.float(), clean.float()) / clean.float().square().mean()
        loss = said_loss + 0.3 * heard_loss + distance
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        bad = take_step(optimizer, trained, options.clip)
        for average in averages:
            average.update()
        step += 1
        sums += torch.stack([said_loss, heard_loss, distance]).detach()
        counts += torch.stack([torch.ones((), device=device), bad])
        if time.monotonic() - said > options.say:
            print(f"{name}: {passed:.0f}/{seconds:.0f} s, step {step}, epoch {epoch}, words {float(sums[0] / counts[0]):.3f}, CTC {float(sums[1] / counts[0]):.3f}, "
                  f"distance {float(sums[2] / counts[0]):.3f}, bad {int(counts[1])}", flush=True)
            sums.zero_(), counts.zero_()
            said = time.monotonic()
    for average in averages:
        average.swap()
    return edge, {"name": name, "steps": step, "seconds": seconds, "trained": sum(value.numel() for value in trained)}


@torch.no_grad()
def judge_codec(setting: Setting, model: Whisper, edge: EdgeHalf, figures: dict, out: Path, splits: list[int], ladder: list[int], most: int | None) -> None:
    """Word errors on dev of every split and number of stages, with the bits that an order-1 coder would need."""
    edge.eval()
    deepest = model.size.encoderLayers
    for split in splits:
        for stages in [0, *ladder]:
            bits: list[float] = []

            def half(features, split=split, stages=stages):
                active = torch.full((features.shape[0],), stages, device=features.device) if stages else None
                memory, logits, values = edge(model, features, split, active)
                if values is not None:
                    free, given = entropies(values[:stages], edge.codecs[str(split)].levels)
                    bits.append((float(free.sum()), float(given.sum()), values.shape[1] * values.shape[2]))
                return memory, {deepest: logits}

            result = setting.check(model, most, half=half)
            model.encoder.eval()
            row = {**figures, "split": split, "stages": stages, "dev": {p: {n: round(100 * r, 2) for n, r in s.items()} for p, s in result.rates().items()}}
            if bits:
                weight, rate = sum(b[2] for b in bits), 50 / edge.codecs[str(split)].stack / 1000
                row["kilobitsPerSecond"] = {
                    "raw": edge.codecs[str(split)].bits_per_second(stages) / 1000,
                    "order0": rate * sum(b[0] * b[2] for b in bits) / weight, "order1": rate * sum(b[1] * b[2] for b in bits) / weight}
            with open(out / "figures.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(f"codec split {split} stages {stages}: decoder {row['dev']['decoder']['all']}, CTC {row['dev'][f'exit{deepest}']['all']}, {row.get('kilobitsPerSecond')}", flush=True)


def save_main(model: Whisper, public: dict, out: Path) -> None:
    """The device's half and the exits; the decoder's deltas as they are before the codec's stage."""
    store.write({
        **store.changes(model.encoder, public, "encoder.", "encoder."),
        **store.changes(model.exits, public, "exits.", "exits."),
    }, out, "device")
    store.write(store.changes(model.decoder, public, "decoder.", "decoder."), out, "decoder")


def save_edge(model: Whisper, edge: EdgeHalf, public: dict, out: Path) -> None:
    tensors = {}
    for number, layer in enumerate(edge.layers, start=edge.first):
        tensors |= store.changes(layer, public, f"edge.encoder.layers.{number}.", f"encoder.layers.{number}.")
    tensors |= store.changes(edge.norm, public, "edge.encoder.norm.", "encoder.norm.")
    if edge.exit is not None:
        tensors |= store.changes(edge.exit, {}, f"edge.exits.{model.size.encoderLayers}.", "none.")
    for split, codec in edge.codecs.items():
        tensors |= store.changes(codec, {}, f"codecs.{split}.", "none.")
    store.write(tensors, out, "edge")
    store.write(store.changes(model.decoder, public, "decoder.", "decoder."), out, "coded-decoder")


def main() -> int:
    parser = adapt.arguments()
    parser.add_argument("--until", type=float, default=570, help="seconds after which nothing new is begun")
    parser.add_argument("--codec-seconds", type=float, default=110)
    parser.add_argument("--splits", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--stages", type=int, default=16)
    parser.add_argument("--ladder", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--codec-most", type=int, default=500)
    parser.add_argument("--compare-seconds", type=float, default=22)
    parser.add_argument("--compare", nargs="*", default=["low-rank", "whole", "mixed", "branch", "frozen", "scratch"])
    parser.add_argument("--other-weights", type=Path, help="a second backbone to compare (tiny.en)")
    parser.add_argument("--other-tokenizer", type=Path)
    parser.add_argument("--other-exits", type=int, nargs="+", default=[1, 3, 4])
    options = parser.parse_args()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    setting = Setting(options)
    print(f"{len(setting.clips.text)} clips on {setting.device} after {time.monotonic() - began:.0f} s", flush=True)
    public = read_weights(options.weights)
    if options.seconds > 0:
        model, figures = run(setting, options.method, options.seconds, options.out, options.name)
        save_main(model, public, options.out)
        judge(setting, model, figures, options.out, options.judge_most)
        if options.codec_seconds > 0:
            edge, figures = train_codec(setting, model, options.codec_seconds, options.splits, options.stages, "codec")
            save_edge(model, edge, public, options.out)
            judge_codec(setting, model, edge, figures, options.out, options.splits, options.ladder, options.codec_most)
            del edge
        del model
    for method in options.compare:
        if time.monotonic() - began + options.compare_seconds + 8 > options.until:
            print(f"no time left for the comparison {method}", flush=True)
            continue
        model, figures = run(setting, method, options.compare_seconds, options.out, f"compare-{method}")
        judge(setting, model, figures, options.out, options.codec_most)
        del model
    if options.other_weights:
        if time.monotonic() - began + options.compare_seconds + 15 > options.until:
            print("no time left for the other backbone", flush=True)
        else:
            options.weights, options.tokenizer, options.exits = options.other_weights, options.other_tokenizer, options.other_exits
            other = Setting(options, setting)
            model, figures = run(other, "mixed", options.compare_seconds, options.out, "compare-other")
            judge(other, model, figures, options.out, options.codec_most)
    print(f"done after {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""From what a run brought back to an adaptation folder that `tandem-evaluate import --adaptation` merges with the public weights.

Matrices' deltas and low-rank factors are stored in four bits with a scale for each row: on 160 dev clips the exits' word errors stay where
they are (61.3, 42.9, 26.5 % in eight bits; 62.1, 42.7, 26.4 in four), and the decoder's cross entropy too (0.193 in both).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

import torch
from torch import Tensor

from . import store


def packed(values: Tensor) -> tuple[Tensor, Tensor]:
    """[rows, ...] → (two values a byte, the low nibble first, each plus 8: [rows, ceil(columns / 2)] uint8, scales [rows])."""
    flat = values.float().flatten(1)
    scale = flat.abs().amax(1)
    best, least = scale / 7, torch.full_like(scale, torch.inf)
    for part in torch.linspace(0.4, 1.0, 13):
        # Cutting a few large values off often costs less than a coarse step for all.
        step = (scale * part / 7).clamp(min=1e-12)
        error = ((flat / step[:, None]).round().clamp(-7, 7) * step[:, None] - flat).square().sum(1)
        best, least = torch.where(error < least, step, best), torch.minimum(error, least)
    codes = (flat / best[:, None]).round().clamp(-7, 7).to(torch.int16) + 8
    if codes.shape[1] % 2:
        codes = torch.cat([codes, torch.full_like(codes[:, :1], 8)], 1)
    return (codes[:, ::2] | codes[:, 1::2] << 4).to(torch.uint8), best


def unpacked(codes: Tensor, scale: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The inverse of `packed`, float32."""
    pairs = torch.stack([codes & 15, codes >> 4], -1).flatten(1).float() - 8
    columns = int(torch.tensor(shape[1:]).prod())
    return (pairs[:, :columns] * scale[:, None]).view(shape)


def small(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The run's tensors as they are published: deltas and factors in four bits, new matrices in eight, the rest in f16."""
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(".delta.scale"):
            continue
        if name.endswith(".delta.int8"):
            name = name.removesuffix(".int8")
            scale = tensors[f"{name}.scale"].view(-1, *[1] * (value.dim() - 1))
            out[f"{name}.int4"], out[f"{name}.scale"] = packed(value.float() * scale)
        elif name.endswith((".lowRankUp", ".lowRankDown")):
            out[f"{name}.int4"], out[f"{name}.scale"] = packed(value)
        elif value.dim() > 1:
            scale = value.float().abs().amax(1).clamp(min=1e-12) / 127
            out[f"{name}.int8"], out[f"{name}.scale"] = (value.float() / scale[:, None]).round().to(torch.int8), scale
        else:
            out[name] = value.half()
    return out


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(
    tensors: dict[str, Tensor], folder: Path, name: str, base: str, base_weights: Path, exits: list[int], layers: int,
    vocabulary: Path, language_model: Path | None,
) -> int:
    """Writes the folder; returns the bytes of its weights."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "adaptation.safetensors"
    save_file({key: value.contiguous() for key, value in small(tensors).items()}, str(weights))
    files = {"vocabulary": vocabulary, **({"languageModel": language_model} if language_model else {})}
    for path in files.values():
        if path.resolve().parent != folder.resolve():
            shutil.copyfile(path, folder / path.name)

    def named(path: Path) -> dict:
        return {"file": path.name, "sha256": digest(path)}

    manifest = {
        "format": "tandem-adaptation", "version": 1, "name": name,
        "base": {"name": base, "sha256": digest(base_weights)},
        "weights": [named(weights)],
        "exits": [{"afterLayer": place} for place in exits], "deviceLayers": layers,
        "vocabulary": named(vocabulary),
        # The decoder was trained on windows of true length: it needs no silence behind them.
        "decoder": {"language": "en", "silenceTail": False},
    }
    if language_model:
        manifest["languageModels"] = {"device": named(language_model)}
    (folder / "adaptation.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return weights.stat().st_size


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tandem_training.pretrained.publish")
    parser.add_argument("--run", type=Path, action="append", required=True, help="folder of device-*, decoder-*, edge-* safetensors; repeatable")
    parser.add_argument("--part", action="append", default=[], help="names of the parts to take; default: device and decoder")
    parser.add_argument("--base", default="whisper-base")
    parser.add_argument("--base-weights", type=Path, required=True, help="the public file that was trained on")
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--language-model", type=Path)
    parser.add_argument("--exits", type=int, nargs="+", default=[2, 4, 6])
    parser.add_argument("--layers", type=int, default=6, help="encoder layers that a device has")
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    tensors: dict[str, Tensor] = {}
    for part in options.part or ["device", "decoder"]:
        found = {key: value for run in options.run for key, value in store.read(run, part).items()}
        if not found:
            raise FileNotFoundError(f"no {part}-*.safetensors in {', '.join(map(str, options.run))}")
        tensors |= found
    size = publish(
        tensors, options.out, options.name, options.base, options.base_weights, options.exits, options.layers, options.vocabulary,
        options.language_model)
    print(f"{options.out}: {len(tensors)} tensors, {size / 1e6:.1f} MB of weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What training changed, small enough to travel: int8 deltas to the public weights, low-rank deltas, and what is new, in f16."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


def changes(part: nn.Module, public: dict[str, Tensor], prefix: str, source: str) -> dict[str, Tensor]:
    """Tensors of a module as docs/model-format.md, "Adaptation", names them.

    `prefix` goes before the parameters' names; `source` before the public ones that they started from. Matrices become
    `NAME.delta.int8` [rows, columns] with `NAME.delta.scale` [rows]; a parameter without a public origin is kept in f16.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in part.state_dict().items():
        value, origin = value.detach().float().cpu(), public.get(source + name)
        if origin is not None and torch.equal(value, origin):
            continue
        if origin is None or value.dim() < 2:
            tensors[prefix + name] = value.half()
            continue
        delta = (value - origin).flatten(1)
        scale = delta.abs().amax(1).clamp(min=1e-12) / 127
        tensors[f"{prefix}{name}.delta.int8"] = (delta / scale[:, None]).round().to(torch.int8).view(value.shape)
        tensors[f"{prefix}{name}.delta.scale"] = scale
    return tensors


def write(tensors: dict[str, Tensor], folder: Path, name: str, most: int = 15 << 20) -> list[Path]:
    """Safetensors files `name-N.safetensors` of at most `most` bytes each (a tensor larger than that is an error)."""
    from safetensors.torch import save_file

    files, part, size = [], {}, 0
    for key, value in tensors.items():
        bytes_ = value.numel() * value.element_size() + 256
        if bytes_ > most:
            raise ValueError(f"{key} alone takes {bytes_} bytes, more than a file may")
        if part and size + bytes_ > most:
            files.append((part, folder / f"{name}-{len(files)}.safetensors"))
            part, size = {}, 0
        part[key] = value.contiguous()
        size += bytes_
    if part:
        files.append((part, folder / f"{name}-{len(files)}.safetensors"))
    for part, path in files:
        save_file(part, str(path))
    return [path for _, path in files]


def read(folder: Path, name: str) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return {key: value for path in sorted(folder.glob(f"{name}-*.safetensors")) for key, value in load_file(str(path)).items()}


def apply(tensors: dict[str, Tensor], public: dict[str, Tensor], prefix: str, source: str) -> dict[str, Tensor]:
    """The inverse of `changes`: complete tensors of the module, low-rank deltas merged."""
    own = {key[len(prefix):]: value for key, value in tensors.items() if key.startswith(prefix)}
    whole = {key[len(source):]: value.clone() for key, value in public.items() if key.startswith(source)}
    for key, value in own.items():
        if key.endswith(".delta.int8"):
            name = key.removesuffix(".delta.int8")
            scale = own[f"{name}.delta.scale"]
            whole[name] = public[source + name] + value.float() * scale.view(-1, *[1] * (value.dim() - 1))
        elif not key.endswith((".delta.scale", ".lowRankUp", ".lowRankDown")):
            whole[key] = value.float()
    for key, value in own.items():
        if key.endswith(".lowRankUp"):
            name = key.removesuffix(".lowRankUp")
            whole[f"{name}.weight"] = whole[f"{name}.weight"] + value.float() @ own[f"{name}.lowRankDown"].float()
    return whole

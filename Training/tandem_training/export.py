"""Model folders: writing them as docs/model-format.md says, and reading them back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .features import FeatureSettings
from .model import ModelSettings, Recogniser, on_device
from .recipe import Recipe
from .vocabulary import Vocabulary

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_safetensors(tensors: dict[str, Tensor], path: Path) -> None:
    """The library makes files that only their owner can read; a model is for everybody."""
    save_file(tensors, str(path))
    path.chmod(0o644)


def stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor as it goes into the file: matrices in `dtype`; biases, norms and feature statistics, which are small, in F32."""
    value = value.detach().cpu().float()
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} holds NaN or infinite values: export an earlier checkpoint")
    if value.dim() < 2:
        return value.contiguous()
    converted = value.to(dtype)
    if not torch.isfinite(converted).all():
        raise ValueError(f"{name} does not fit into {dtype}: export with --dtype bfloat16")
    return converted.contiguous()


def export_model(model: Recogniser, vocabulary: Vocabulary, name: str, folder: Path, dtype: str, edge_dtype: str | None = None) -> str:
    """Writes model.json, *.safetensors and vocabulary.json; returns the fingerprint.

    model.json is written last: it vouches for the other files by their SHA-256. A calibration.json from before is left
    alone; it belongs to the old weights and has to be fitted again.
    """
    if model.settings.attentionDecoder is not None or not model.settings.encoder.get("causal", True):
        raise ValueError("export: the engine has no attention decoder and no non-causal first pass; such recipes are for comparison only")
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: stored(key, value, DTYPES[dtype if on_device(key) else edge_dtype or dtype]) for key, value in model.state_dict().items()}
    settings = model.settings
    files = {"device": {key: value for key, value in tensors.items() if on_device(key)}}
    if settings.secondEncoder is not None:
        files["edge"] = {key: value for key, value in tensors.items() if not on_device(key)}
    weights = {}
    for half, content in files.items():
        path = folder / f"{half}.safetensors"
        save_safetensors(content, path)
        weights[half] = {"file": path.name, "sha256": sha256(path)}
    vocabulary.save(folder / "vocabulary.json")
    description = {
        "format": "tandem-model", "version": 1, "name": name,
        "features": settings.features.as_dict(),
        "subsampling": settings.subsampling,
        "encoder": settings.encoder,
        "secondEncoder": settings.secondEncoder,
        "transducer": settings.transducer,
        "vocabulary": {"file": "vocabulary.json", "sha256": sha256(folder / "vocabulary.json")},
        "weights": weights,
    }
    path = folder / "model.json"
    path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return sha256(path)


def load_model(folder: Path) -> tuple[Recogniser, Vocabulary]:
    """The recogniser of a model folder, weights in float32, ready to evaluate."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if description.get("format") != "tandem-model" or description.get("version") != 1:
        raise ValueError(f"{folder / 'model.json'}: not a tandem-model of version 1")
    for entry in [description["vocabulary"], *description["weights"].values()]:
        if sha256(folder / entry["file"]) != entry["sha256"]:
            raise ValueError(f"{folder / entry['file']}: differs from what model.json vouches for; export the model again")
    vocabulary = Vocabulary.load(folder / description["vocabulary"]["file"])
    model = Recogniser(
        ModelSettings(
            vocabulary=len(vocabulary), subsampling=description["subsampling"], encoder=description["encoder"],
            secondEncoder=description["secondEncoder"], transducer=description["transducer"],
            features=FeatureSettings(**description["features"]),
        )
    )
    tensors: dict[str, Tensor] = {}
    for entry in description["weights"].values():
        tensors.update(load_file(str(folder / entry["file"])))
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    return model.eval(), vocabulary


def averaged_weights(saved: dict, earlier: Path | None = None, share: float | None = None) -> dict:
    """A checkpoint's averaged weights, or `share` of them (None: half) and the rest of another checkpoint's.

    The other is the one that the run went on from: between two ends of one road the weights may be averaged, and the mean does what both do
    (WiSE-FT, arXiv 2109.01903; model soups, arXiv 2203.05482). Of two runs that began apart it does nothing.

    Raises ValueError where the two are not the same model.
    """
    weights = {**saved["model"], **saved["average"]}
    if earlier is None:
        if share is not None:
            raise ValueError(f"--share {share} is of a mean; name the other checkpoint with --average-with")
        return weights
    share = 0.5 if share is None else share
    if not 0 < share < 1:
        raise ValueError(f"--share {share}: how much of this run the mean has, between 0 and 1")
    other = torch.load(earlier, map_location="cpu", weights_only=True)
    before = {**other["model"], **other["average"]}
    if {key: value.shape for key, value in weights.items()} != {key: value.shape for key, value in before.items()}:
        raise ValueError(f"{earlier} has other weights than this run's model; only a run of the same model can be averaged with it")
    return {key: torch.lerp(before[key], value, share) if value.is_floating_point() else value for key, value in weights.items()}


def average_models(folder: Path, other: Path, share: float, out: Path, dtype: str = "float16") -> str:
    """Writes the mean of two model folders, `share` of the first; returns the fingerprint. See `averaged_weights` for when that is of use.

    Raises ValueError where the two are not the same model.
    """
    if not 0 < share < 1:
        raise ValueError(f"--share {share}: how much of the first model the mean has, between 0 and 1")
    (model, vocabulary), (before, tokens) = load_model(folder), load_model(other)
    weights, old = model.state_dict(), before.state_dict()
    if vocabulary.tokens != tokens.tokens or {key: value.shape for key, value in weights.items()} != {key: value.shape for key, value in old.items()}:
        raise ValueError(f"{other} has another vocabulary or other weights than {folder}; only models of the same shape can be averaged")
    model.load_state_dict({key: torch.lerp(old[key], value, share) for key, value in weights.items()})
    name = json.loads((folder / "model.json").read_text(encoding="utf-8"))["name"]
    return export_model(model, vocabulary, name, out, dtype)


def export_run(recipe: Recipe, run: Path, folder: Path, dtype: str, earlier: Path | None = None, share: float | None = None) -> None:
    """Exports the averaged weights of a run's checkpoint, or their mean with an earlier run's (`averaged_weights`)."""
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint} is not there; train first, or name the run's folder with --run")
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    vocabulary = Vocabulary.load(run / "vocabulary.json")
    if earlier is not None and not earlier.exists():
        raise FileNotFoundError(f"{earlier} is not there; --average-with names the checkpoint.pt of the run that this one went on from")
    if earlier is not None and Vocabulary.load(earlier.parent / "vocabulary.json").tokens != vocabulary.tokens:
        raise ValueError(f"{earlier.parent} has another vocabulary than {run}; their weights cannot be averaged")
    model = Recogniser(recipe.model_settings(len(vocabulary)))
    model.load_state_dict(averaged_weights(saved, earlier, share))
    fingerprint = export_model(model, vocabulary, recipe.name, folder, dtype)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    print(
        f"{folder}: step {saved['step']}, {saved['seconds'] / 3600:.2f} h of training, {size / 1e6:.1f} MB of weights in {dtype}, "
        f"fingerprint {fingerprint}"
    )

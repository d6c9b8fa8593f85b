"""Recipes: YAML files that say everything about a run. Training/README.md explains the keys."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from .data import Augmentation
from .features import FeatureSettings
from .model import ModelSettings


class RecipeError(Exception):
    """A recipe that cannot be used; the message names the file and the key."""


@dataclass(frozen=True)
class TrainingSettings:
    steps: int
    batchSeconds: float = 90.0
    optimizer: str = "adamw"
    learningRate: float = 1e-3
    warmupSteps: int = 500
    finalLearningRate: float = 0.02
    decaySteps: int | None = None
    weightDecay: float = 0.01
    gradientNorm: float = 2.0
    dropout: float = 0.0
    secondDropout: float | None = None
    exitWeights: list[float] | None = None
    secondWeight: float = 0.3
    transducerWeight: float = 0.5
    transducerCells: int = 20000
    transducerRate: float = 1.0
    transducerAlone: dict | None = None
    averageDecay: float = 0.999
    precision: str = "float32"
    threads: int = 2
    checkpointMinutes: float = 4.0
    evaluationMinutes: float = 10.0
    concatenation: dict | None = None
    shortFirst: dict | None = None
    growth: dict | None = None
    phones: dict | None = None
    teacher: dict | None = None
    objective: str = "recognition"
    attentionWeight: float = 0.0
    freezeEncoder: bool = False
    freezeFirstPass: bool = False
    codecNoise: dict | None = None
    headsFirst: int = 0
    loaders: int = 0

    def __post_init__(self) -> None:
        for key, allowed in (("optimizer", ("adamw", "muon")), ("objective", ("recognition", "masked-prediction")), ("precision", ("float32", "bfloat16"))):
            if getattr(self, key) not in allowed:
                raise ValueError(f"training.{key} is {getattr(self, key)!r}; use {' or '.join(allowed)}")
        if self.codecNoise is not None and not _is_codec_noise(self.codecNoise):
            raise ValueError(
                f"training.codecNoise is {self.codecNoise!r}; use {{probability: 0 to 1, levels: [least, most]}}, 1 level or more on either side of zero"
            )

    def depth_at(self, step: int) -> int | None:
        """Blocks that are trained at a step; None for the whole model."""
        return self.growth["blocks"] if self.growth and step < self.growth["untilStep"] else None


def _is_codec_noise(value: object) -> bool:
    match value:
        case {"probability": int() | float() as probability, "levels": [int() | float() as least, int() | float() as most]} if len(value) == 2:
            return 0 <= probability <= 1 and 1 <= least <= most
    return False


@dataclass(frozen=True)
class Stage:
    """What a run is fed with up to step `untilStep` (None: to its end): names of caches, and how they are augmented."""

    train: list[str]
    augmentation: Augmentation
    untilStep: int | None = None


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    train: list[str]
    dev: str
    noise: str | None
    vocabulary: dict
    model: dict
    training: TrainingSettings
    augmentation: Augmentation
    earlier: list[Stage] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)  # of a set's clips, drawn anew for each epoch; 1 where a set is not named

    def stage_at(self, step: int) -> Stage:
        """The stage whose data the step after `step` steps uses; the recipe's own `data` and `augmentation` are the last one's."""
        for stage in self.earlier:
            if step < stage.untilStep:
                return stage
        return Stage(self.train, self.augmentation)

    def model_settings(self, tokens: int) -> ModelSettings:
        return ModelSettings(
            vocabulary=tokens,
            subsampling=self.model["subsampling"],
            encoder=self.model["encoder"],
            secondEncoder=self.model.get("secondEncoder"),
            transducer=self.model.get("transducer"),
            attentionDecoder=self.model.get("attentionDecoder"),
            features=FeatureSettings(**self.model.get("features", {})),
        )


def _settings(kind: type, values: dict, path: Path, key: str):
    known = {field.name for field in fields(kind)}
    unknown = set(values) - known
    if unknown:
        raise RecipeError(f"{path}: {key} has no key {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}")
    return kind(**values)


def load_recipe(path: Path) -> Recipe:
    with open(path, encoding="utf-8") as file:
        return parse_recipe(yaml.safe_load(file), path)


def parse_recipe(content: dict, path: Path) -> Recipe:
    """A recipe from the content of its file; `path` is what errors name."""
    known = {"name", "seed", "data", "vocabulary", "model", "training", "augmentation", "earlier"}
    if not isinstance(content, dict) or set(content) - known or known - {"augmentation", "earlier"} - set(content):
        raise RecipeError(f"{path}: a recipe has the keys {', '.join(sorted(known))}")
    data = content["data"]
    growth, encoder = (content["training"] or {}).get("growth"), content["model"]["encoder"]
    if growth and growth["blocks"] not in [exit["afterBlock"] for exit in encoder["exits"]][:-1]:
        raise RecipeError(f"{path}: training.growth.blocks must be the place of an exit before the last, not {growth['blocks']}")
    if not content["model"].get("secondEncoder"):
        for key in ("freezeFirstPass", "codecNoise"):
            if (content["training"] or {}).get(key):
                raise RecipeError(f"{path}: training.{key} is for a model with a secondEncoder")
    teacher = (content["training"] or {}).get("teacher")
    if teacher:
        wanted = {"fromStep", "afterBlock", "first", "second", "delayFrames"}
        if set(teacher) != wanted:
            raise RecipeError(f"{path}: training.teacher has the keys {', '.join(sorted(wanted))}")
        borders = [0] + [stage.get("untilStep") for stage in content.get("earlier") or []]
        if teacher["fromStep"] not in borders:
            raise RecipeError(f"{path}: training.teacher.fromStep must be 0 or a stage's untilStep ({', '.join(map(str, borders))}), not {teacher['fromStep']}")
    return Recipe(
        name=content["name"], seed=int(content["seed"]), train=data["train"], dev=data["dev"], noise=data.get("noise"),
        vocabulary=content["vocabulary"], model=content["model"],
        training=_settings(TrainingSettings, content["training"], path, "training"),
        augmentation=_augmentation(content.get("augmentation"), path, "augmentation"),
        earlier=_earlier(content.get("earlier"), path), shares=_shares(data.get("shares"), path),
    )


def _augmentation(values: dict | None, path: Path, key: str) -> Augmentation:
    ranges = {name: tuple(value) if isinstance(value, list) else value for name, value in (values or {}).items()}
    return _settings(Augmentation, ranges, path, key)


def _shares(values: dict | None, path: Path) -> dict[str, float]:
    for name, share in (values or {}).items():
        if not isinstance(share, (int, float)) or not 0 < share <= 1:
            raise RecipeError(f"{path}: data.shares.{name} is {share!r}; a share is above 0 and at most 1")
    return values or {}


def _earlier(stages: list[dict] | None, path: Path) -> list[Stage]:
    """The stages before the last, whose `untilStep` must rise."""
    read = []
    for number, values in enumerate(stages or []):
        key = f"earlier[{number}]"
        if set(values) != {"train", "augmentation", "untilStep"}:
            raise RecipeError(f"{path}: {key} has the keys train, augmentation and untilStep")
        if read and values["untilStep"] <= read[-1].untilStep:
            raise RecipeError(f"{path}: {key}.untilStep must be above {read[-1].untilStep}, where the stage before it ends")
        read.append(Stage(values["train"], _augmentation(values["augmentation"], path, f"{key}.augmentation"), values["untilStep"]))
    return read

"""Golden tensors: tiny seeded models with every intermediate value, against which the Swift engine is tested.

Each folder holds a complete model in the model's format, `golden.safetensors` and `greedy.json`. Weights are rounded to
the folder's type first and all values are computed from the rounded weights in float32.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import torch
from torch import Tensor

from .evaluate import ctc_greedy, transducer_greedy
from .export import export_model, load_model, save_safetensors
from .features import FeatureSettings, frame_count, log_mel, running_mean
from .model import ModelSettings, Recogniser
from .vocabulary import Vocabulary

# An even 1.3 s would be a multiple of the hop; nothing may rely on that.
SAMPLES = 20789
# Between the best and the second best token at every decision, so that rounding cannot turn the greedy result.
MARGIN = 2e-3

CONVOLUTION = {"type": "convolution", "feedForward": 24, "kernel": 5}
ATTENTION = {"type": "attention", "feedForward": 24, "kernel": 5, "heads": 2}
PERFORMER = {"type": "performer", "feedForward": 24, "kernel": 3, "heads": 3}
WORDS = "THE CAT SAT ON THE MAT AND THE OTHER CAT SAT THERE THEN THIS THAT HAT".split()


def golden_settings(tokens: int, second: bool) -> ModelSettings:
    """The two tiny models; between them every block type, head and place is used."""
    if second:
        return ModelSettings(
            vocabulary=tokens,
            # Small numbers of frames, so that the running mean's maximum is reached within the recording.
            features=FeatureSettings(priorFrames=20, maximumFrames=90),
            subsampling={"channels": 3},
            encoder={
                "dimension": 12, "chunkFrames": 4, "leftChunks": 2,
                "blocks": [CONVOLUTION, PERFORMER, ATTENTION],
                "exits": [
                    {"afterBlock": 1, "head": "attention", "heads": 3}, {"afterBlock": 2, "head": "linear"},
                    {"afterBlock": 3, "head": "attention", "heads": 1},
                ],
            },
            secondEncoder={"dimension": 12, "blocks": [{**ATTENTION, "kernel": 7, "heads": 3}, PERFORMER, CONVOLUTION]},
            transducer={"context": 3, "embedding": 6, "joiner": 10},
        )
    return ModelSettings(
        vocabulary=tokens,
        subsampling={"channels": 4},
        encoder={
            "dimension": 12, "chunkFrames": 8, "leftChunks": 1,
            "blocks": [CONVOLUTION, ATTENTION, {**PERFORMER, "heads": 2}],
            "exits": [{"afterBlock": 1, "head": "linear"}, {"afterBlock": 3, "head": "attention", "heads": 2}],
        },
        secondEncoder={"dimension": 16, "blocks": [ATTENTION]},
        transducer={"context": 2, "embedding": 8, "joiner": 12},
    )


def golden_samples(generator: torch.Generator) -> Tensor:
    """Noise that swells and ebbs under four tones that come and go; [SAMPLES]."""
    time = torch.arange(SAMPLES, dtype=torch.float64) / 16000
    wave = 0.02 * torch.randn(SAMPLES, dtype=torch.float64, generator=generator) * (1 + torch.sin(9 * time))
    for start, stop, hertz, level in [(0.1, 0.4, 310, 0.2), (0.3, 0.7, 1250, 0.1), (0.6, 1.1, 700, 0.3), (0.9, 1.25, 3400, 0.05)]:
        inside = (time >= start) & (time < stop)
        wave += inside * level * torch.sin(2 * torch.pi * hertz * time + 20 * time**2)
    return wave.float()


def randomise(model: Recogniser, generator: torch.Generator) -> None:
    """Random weights strong enough for varied outputs: with PyTorch's own start every frame would look alike."""
    for name, value in model.named_parameters():
        noise = torch.randn(value.shape, generator=generator)
        if "ormalization" in name and name.endswith("weight"):
            value.data = 1 + 0.2 * noise
        elif value.dim() == 1:
            value.data = 0.1 * noise
        else:
            value.data = 1.2 * noise / (value[0].numel() ** 0.5)
        if name.endswith(("exits.0.projection.weight", "projection.weight")) and value.shape[0] == model.settings.vocabulary:
            value.data *= 2.5
    model.transducer.joiner.labels.weight.data *= 3
    model.transducer.joiner.blank.weight.data *= 3
    model.transducer.joiner.blank.bias.data += 0.8


@torch.no_grad()
def golden_values(model: Recogniser, samples: Tensor) -> tuple[dict[str, Tensor], dict]:
    """Every intermediate value of one utterance, and the greedy token ids."""
    settings = model.settings.features
    with_tail = torch.nn.functional.pad(samples, (0, settings.tailSamples))
    features = log_mel(with_tail, settings)
    normalised = model.normalise(features)
    output = model(normalised[None], torch.tensor([features.shape[0]]))
    start = torch.zeros(output.second[-1].shape[1], model.transducer.predictor.context, dtype=torch.long)
    values = {
        "samples": samples, "logMel": features, "normalised": normalised, "subsampled": output.subsampled[0],
        **{f"blocks.{i}": block[0] for i, block in enumerate(output.blocks)},
        **{f"exits.{e}.logProbabilities": logits[0].log_softmax(-1) for e, logits in enumerate(output.exits)},
        "secondEncoder.input": output.second[0][0],
        **{f"secondEncoder.blocks.{i}": block[0] for i, block in enumerate(output.second[1:])},
        "secondEncoder.logProbabilities": output.second_logits[0].log_softmax(-1),
        "transducer.logProbabilities": model.transducer.log_probabilities(output.second[-1][0], start),
    }
    frames = int(output.lengths[0])
    greedy = {
        "exits": [ctc_greedy(logits[0], frames) for logits in output.exits],
        "secondEncoder": ctc_greedy(output.second_logits[0], frames),
        "transducer": transducer_greedy(model, output.second[-1], output.lengths)[0],
    }
    assert features.shape[0] == frame_count(with_tail.numel(), settings)
    return {name: value.float().contiguous() for name, value in values.items()}, greedy


def smallest_margin(values: dict[str, Tensor]) -> float:
    return min(
        float((value.topk(2).values[:, 0] - value.topk(2).values[:, 1]).min())
        for name, value in values.items() if name.endswith("logProbabilities")
    )


def varied(greedy: dict) -> bool:
    """Whether every path says something, and the transducer emits neither nothing nor all the time."""
    every = [*greedy["exits"], greedy["secondEncoder"], greedy["transducer"]]
    return all(len(set(ids)) >= 5 for ids in every) and 8 <= len(greedy["transducer"]) <= 60


def write_golden(out: Path) -> None:
    """Writes `out/characters` (weights F32) and `out/subwords` (device F16, edge BF16)."""
    torch.set_num_threads(1)
    subwords = Vocabulary.subwords(Counter(WORDS), 40)
    for name, vocabulary, dtypes in (
        ("characters", Vocabulary.characters(), ("float32", "float32")), ("subwords", subwords, ("float16", "bfloat16"))
    ):
        folder = out / name
        for seed in range(10000):
            generator = torch.Generator().manual_seed(seed)
            model = Recogniser(golden_settings(len(vocabulary), name == "subwords")).eval()
            randomise(model, generator)
            samples = golden_samples(generator)
            settings = model.settings.features
            features = log_mel(samples, settings)
            # Not the recording's own statistics: the prior has to differ from what is measured.
            model.features.mean.copy_(features.mean(0) + 0.5 * torch.randn(settings.melBins, generator=generator))
            deviation = (features - running_mean(features, model.features.mean, settings)).std(0)
            model.features.standardDeviation.copy_(deviation * (1 + 0.2 * torch.rand(settings.melBins, generator=generator)))
            fingerprint = export_model(model, vocabulary, f"golden-{name}", folder, *dtypes)
            # From the file, as the engine sees it: the weights are rounded now.
            model, vocabulary = load_model(folder)
            values, greedy = golden_values(model, samples)
            if varied(greedy) and smallest_margin(values) > MARGIN:
                break
        else:
            raise ValueError(f"golden {name}: no seed gives varied outputs; change the scales in randomise()")
        save_safetensors(values, folder / "golden.safetensors")
        content = {
            "seed": seed, "margin": smallest_margin(values), "fingerprint": fingerprint, **greedy,
            "texts": {
                "exits": [vocabulary.decode(ids) for ids in greedy["exits"]],
                "secondEncoder": vocabulary.decode(greedy["secondEncoder"]), "transducer": vocabulary.decode(greedy["transducer"]),
            },
        }
        (folder / "greedy.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{folder}: seed {seed}, smallest margin {content['margin']:.4f}, {size / 1000:.0f} kB, {json.dumps(content['texts'], ensure_ascii=False)}")

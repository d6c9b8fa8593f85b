"""A small world of hums, shared by the tests: manifest, cache, recipe."""

import math

import numpy
import pytest
import soundfile
import yaml

from tandem_training.data import prepare, read_manifest

RECIPE = {
    "name": "tiny", "seed": 3, "data": {"train": ["train"], "dev": "dev", "noise": "noise"},
    "vocabulary": {"kind": "subwords", "size": 36},
    "model": {
        "subsampling": {"channels": 2},
        "encoder": {
            "dimension": 8, "chunkFrames": 4, "leftChunks": 2,
            "blocks": [{"type": "convolution", "feedForward": 8, "kernel": 3}, {"type": "attention", "feedForward": 8, "kernel": 3, "heads": 2}],
            "exits": [{"afterBlock": 1, "head": "linear"}, {"afterBlock": 2, "head": "linear"}],
        },
        "secondEncoder": {"dimension": 8, "blocks": [{"type": "attention", "feedForward": 8, "kernel": 3, "heads": 2}]},
        "transducer": {"context": 2, "embedding": 4, "joiner": 6},
    },
    "training": {
        "steps": 12, "batchSeconds": 6, "learningRate": 0.003, "warmupSteps": 2, "dropout": 0.1, "threads": 1, "growth": {"untilStep": 4, "blocks": 1, "learningRate": 0.002},
        "transducerAlone": {"fromStep": 9, "learningRate": 0.004},
        "concatenation": {"belowSeconds": 1.0, "alone": 0.3, "seconds": [1.0, 2.0]},
    },
    "augmentation": {
        "speedProbability": 0.5, "noiseProbability": 0.5, "gainDecibels": [-6, 6], "telephoneProbability": 0.3,
        "frequencyMasks": 1, "timeMasks": 1,
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a manifest of hums at several sample rates, its cache and a recipe."""
    folder = tmp_path_factory.mktemp("world")
    generator = numpy.random.default_rng(0)
    lines = ["path\tset\tsplit\tspeaker\tseconds\ttext"]
    words = ["YES", "NO", "HELLO THERE", "IT'S ON"]
    for number in range(24):
        rate, seconds = [8000, 16000, 22050, 48000][number % 4], 0.5 + 0.05 * number
        time = numpy.arange(int(rate * seconds)) / rate
        wave = 0.3 * numpy.sin(2 * math.pi * 200 * (1 + number % 4) * time) + 0.01 * generator.standard_normal(time.size)
        soundfile.write(folder / f"{number}.wav", wave, rate)
        split = "dev" if number >= 20 else "train"
        lines.append(f"{number}.wav\thums\t{split}\t{number % 5}\t{seconds:.2f}\t{words[number % 4]}")
    (folder / "broken.wav").write_bytes(b"this is no audio")
    lines.append("broken.wav\thums\ttrain\t0\t1.0\tYES")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    (folder / "noise.tsv").write_text("path\n0.wav\n1.wav\n")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    recordings = read_manifest(folder / "manifest.tsv")
    for split in ("train", "dev"):
        _, complaints = prepare([item for item in recordings if item.split == split], folder / "cache", split, 1)
        assert [("broken.wav" in complaint) for complaint in complaints] == ([True] if split == "train" else [])
    prepare(read_manifest(folder / "noise.tsv", needs_text=False), folder / "cache", "noise", 1)
    return folder

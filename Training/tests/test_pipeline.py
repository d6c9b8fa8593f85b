"""From a manifest to a model folder: preparing, counting, resuming, exporting."""

import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
import yaml

from tandem_training import data
from tandem_training.data import Cache, Clip, ManifestError, read_manifest
from tandem_training.evaluate import WordErrors, ctc_greedy, evaluate
from tandem_training.export import export_run, load_model
from tandem_training.recipe import RecipeError, load_recipe
from tandem_training.train import Run, count_infeasible
from tandem_training.vocabulary import Vocabulary

from .conftest import RECIPE

def test_cache_is_sixteen_kilohertz(world):
    cache = Cache(world / "cache", "train")
    assert len(cache.clips) == 20
    for number, clip in enumerate(cache.clips):
        assert abs(clip.samples - 16000 * (0.5 + 0.05 * number)) < 3
        spectrum = numpy.abs(numpy.fft.rfft(cache.samples(clip)))
        assert abs(spectrum.argmax() * 16000 / clip.samples - 200 * (1 + number % 4)) < 3


def test_manifest_errors_name_the_line(tmp_path):
    (tmp_path / "manifest.tsv").write_text("path\tsplit\ttext\na.wav\ttrain\tlower case\n")
    with pytest.raises(ManifestError, match=r"manifest.tsv:2.*lower case"):
        read_manifest(tmp_path / "manifest.tsv")
    (tmp_path / "manifest.tsv").write_text("path\ttext\n")
    with pytest.raises(ManifestError, match="split"):
        read_manifest(tmp_path / "manifest.tsv")


def test_recipe_errors_name_the_key(tmp_path):
    recipe = {**RECIPE, "training": {"steps": 3, "learnRate": 1.0}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(RecipeError, match="learnRate"):
        load_recipe(tmp_path / "recipe.yaml")


def test_infeasible_clips_are_counted(world):
    cache = Cache(world / "cache", "train")
    vocabulary = Vocabulary.characters()
    settings = load_recipe(world / "recipe.yaml").model_settings(len(vocabulary)).features
    assert count_infeasible([cache], vocabulary, settings) == []
    # 0.5 s and the tail make 17 encoder frames; "▁MISSISSIPPI" needs 12 + 3 of them, said twice 30.
    cache.clips = [Clip("long", "", "", "MISSISSIPPI MISSISSIPPI", 0, 8000), Clip("short", "", "", "MISSISSIPPI", 0, 8000)]
    assert count_infeasible([cache], vocabulary, settings) == ["long"]


def test_every_clip_is_used_once_an_epoch(world):
    cache = Cache(world / "cache", "train")
    items = data.epoch_items(cache.clips, random.Random(1), RECIPE["training"]["concatenation"])
    assert any(len(item.clips) > 1 for item in items)
    batches = data.batches_by_length(items, 6.0, 3200, random.Random(2))
    used = [clip.path for batch in batches for item in batch for clip in item.clips]
    assert sorted(used) == sorted(clip.path for clip in cache.clips)
    assert all(len(batch) == 1 or len(batch) * max(item.samples + 3200 for item in batch) <= 6 * 16000 for batch in batches)


def test_growing_starts_where_the_shallow_exit_is(world, tmp_path):
    run = Run(load_recipe(world / "recipe.yaml"), world / "cache", tmp_path / "run")
    assert run.model.depth == 1
    shallow = run.model.encoder.exits[0].projection.weight
    names = run.model.grow()
    assert run.model.depth is None and "encoder.exits.1.projection.weight" in names
    assert torch.equal(run.model.encoder.exits[1].projection.weight, shallow)
    assert torch.equal(run.model.secondEncoder.input.weight, torch.eye(8))


def losses(world, folder):
    return [record["total"] for record in map(json.loads, (folder / "log.jsonl").read_text().splitlines()) if "total" in record]


def test_a_resumed_run_is_the_uninterrupted_run(world, tmp_path):
    recipe = load_recipe(world / "recipe.yaml")
    whole = Run(recipe, world / "cache", tmp_path / "whole")
    whole.train(12, log_every=1)
    first = Run(recipe, world / "cache", tmp_path / "halves")
    steps = first.train_step
    first.train_step = lambda batch, _: steps(batch, 12)  # the schedule of the whole run
    first.train(5, log_every=1)
    second = Run(recipe, world / "cache", tmp_path / "halves")
    assert second.step == 5
    second.train(12, log_every=1)
    assert losses(world, tmp_path / "halves") == losses(world, tmp_path / "whole")
    for name, value in whole.average.items():
        assert torch.equal(value, second.average[name]), name


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_export_and_load(world, tmp_path, dtype):
    recipe = load_recipe(world / "recipe.yaml")
    run = Run(recipe, world / "cache", tmp_path / "run")
    run.train(2)
    export_run(recipe, tmp_path / "run", tmp_path / "model", dtype)
    model, vocabulary = load_model(tmp_path / "model")
    assert vocabulary.tokens == run.vocabulary.tokens
    tolerance = {"float32": 0.0, "float16": 1e-3, "bfloat16": 8e-3}[dtype]
    for name, value in run.averaged().state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=tolerance, atol=tolerance * 1e-2)
    assert torch.equal(model.features.mean, run.model.features.mean)
    paths = evaluate(model, vocabulary, run.dev, run.dev.clips).rates()
    assert set(paths) == {"exit1", "exit2", "second-ctc", "transducer"} and set(paths["exit1"]) == {"hums", "all"}
    (tmp_path / "model" / "device.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match="device.safetensors"):
        load_model(tmp_path / "model")


def test_export_of_the_mean_of_two_runs(world, tmp_path):
    recipe = load_recipe(world / "recipe.yaml")
    run = Run(recipe, world / "cache", tmp_path / "run")
    run.train(1)
    shutil.copytree(tmp_path / "run", tmp_path / "before")
    before = {name: value.clone() for name, value in run.averaged().state_dict().items()}
    run.train(3)
    earlier = tmp_path / "before" / "checkpoint.pt"
    export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", earlier, 0.25)
    model, _ = load_model(tmp_path / "model")
    differ = 0
    for name, value in run.averaged().state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], 0.75 * before[name] + 0.25 * value, rtol=1e-5, atol=1e-6)
        differ += not torch.equal(value, before[name])
    assert differ > 10
    with pytest.raises(ValueError, match="--average-with"):
        export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", None, 0.5)
    for share in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="--share"):
            export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", earlier, share)
    saved = torch.load(earlier, weights_only=True)
    saved["average"].popitem()
    name, value = next((name, value) for name, value in saved["model"].items() if value.dim() == 2)
    saved["model"][name] = saved["average"][name] = value[:1]
    torch.save(saved, earlier)
    with pytest.raises(ValueError, match="other weights"):
        export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", earlier, 0.5)
    vocabulary = json.loads((tmp_path / "before" / "vocabulary.json").read_text())
    vocabulary["tokens"][-1] = "QQQ"
    (tmp_path / "before" / "vocabulary.json").write_text(json.dumps(vocabulary))
    with pytest.raises(ValueError, match="another vocabulary"):
        export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", earlier, 0.5)
    with pytest.raises(FileNotFoundError, match="--average-with"):
        export_run(recipe, tmp_path / "run", tmp_path / "model", "float32", tmp_path / "nowhere" / "checkpoint.pt", 0.5)


def test_vocabulary_alone_encodes(tmp_path):
    from collections import Counter

    vocabulary = Vocabulary.subwords(Counter({"THE": 9, "THEN": 5, "THAT'S": 3}), 34)
    vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded.encode("THE THEN") == vocabulary.encode("THE THEN")
    assert "▁THE" in vocabulary.tokens and vocabulary.encode("THE") == [vocabulary.index["▁THE"]]
    assert loaded.decode(loaded.encode("THAT'S THE QUIZ")) == "THAT'S THE QUIZ"
    with pytest.raises(ValueError, match="É"):
        loaded.encode("CAFÉ")


def test_word_errors():
    errors = WordErrors()
    errors.add("A B C D".split(), "A X C D E".split())
    errors.add("A B".split(), [])
    assert (errors.substitutions, errors.insertions, errors.deletions, errors.words) == (1, 1, 2, 6)


def test_ctc_greedy_merges_repeats():
    logits = torch.nn.functional.one_hot(torch.tensor([0, 1, 1, 0, 1, 2, 2, 0, 3]), 4).float()
    assert ctc_greedy(logits, 8) == [1, 1, 2]


def test_errors_on_the_command_line(world):
    command = [sys.executable, "-m", "tandem_training", "train", "--recipe", str(world / "recipe.yaml"), "--cache", str(world / "nowhere"), "--run", str(world / "run")]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert finished.returncode == 1 and "prepare" in finished.stderr and "Traceback" not in finished.stderr

"""Distillation: targets beside the cache, their place under augmentation, and a run that a teacher joins half-way."""

import copy
import json
import random
from pathlib import Path

import numpy
import pytest
import torch

from tandem_training import data
from tandem_training.data import Augmentation, Cache, Item
from tandem_training.recipe import RecipeError, parse_recipe
from tandem_training.teacher import FRAME, SCALE, WIDTH, Targets, target_frames, teach
from tandem_training.train import Batches, Position, Run

from .conftest import RECIPE


class Clock:
    """A teacher that only tells the time: feature 0 of a clip's frame is the frame's number, feature 1 the clip's length."""

    def encode(self, samples):
        frames = target_frames(samples.size)
        outputs = numpy.zeros((frames, WIDTH), dtype=numpy.float32)
        outputs[:, 0] = numpy.arange(frames)
        outputs[:, 1] = frames
        return outputs


@pytest.fixture
def taught(world):
    folder = world / "cache"
    cache = Cache(folder, "train")
    # A deviation of SCALE, so that the stored number is the told one.
    (folder / "teacher.json").write_text(json.dumps({"mean": [0.0] * WIDTH, "standardDeviation": [SCALE] * WIDTH}))
    assert teach(cache, folder / "train.teacher", folder / "teacher.json", Clock()) == sum(target_frames(clip.samples) for clip in cache.clips)
    return cache


def recipe_with_teacher(**changes):
    content = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del content["training"][key]
    content["training"]["teacher"] = {"fromStep": 0, "afterBlock": 2, "first": 1.0, "second": 1.0, "delayFrames": 1, **changes}
    return content


def test_statistics_are_measured_once_and_shared(world, tmp_path):
    cache = Cache(world / "cache", "train")
    teach(cache, tmp_path / "train.teacher", tmp_path / "teacher.json", Clock())
    first = (tmp_path / "teacher.json").read_text()
    rows = numpy.fromfile(tmp_path / "train.teacher", dtype=numpy.int8).reshape(-1, WIDTH)
    assert abs(rows[:, 0].mean()) < 0.2 * SCALE and 0.7 * SCALE < rows[:, 0].std() < 1.4 * SCALE, "standardised"
    teach(Cache(world / "cache", "dev"), tmp_path / "dev.teacher", tmp_path / "teacher.json", Clock())
    assert (tmp_path / "teacher.json").read_text() == first
    with pytest.raises(ValueError, match="another cache"):
        Targets(tmp_path / "train.teacher", cache.clips[:-1], WIDTH)
    with pytest.raises(FileNotFoundError, match="teach"):
        Targets(tmp_path / "missing.teacher", cache.clips, WIDTH)


def test_targets_follow_the_samples(world, taught):
    """Concatenated, cut and faster clips: the target of a frame is that of the place where its sound comes from."""
    recipe = parse_recipe(recipe_with_teacher(), Path("test.yaml"))
    run = Run(recipe, world / "cache", world / "taught")
    batches = Batches(recipe, recipe.stage_at(0), [taught], None, run.vocabulary, 3200, teachers=run.teachers)
    clips = taught.clips[:2]
    for augmentation in (Augmentation(), Augmentation(speedProbability=1.0, speedRange=(1.2, 1.2), tightProbability=1.0)):
        batch = data.load_batch([Item(tuple(clips)), Item((clips[1],))], batches, run.vocabulary.encode, 3200, augmentation, None, random.Random(3))
        frames = (int(batch.sample_counts.max()) + FRAME - 1) // FRAME
        rows, known = batches._taught(batch, frames)
        for row, sources in enumerate(batch.sources):
            begin = 0
            for source in sources:
                for frame in range(frames):
                    middle = frame * FRAME + FRAME // 2
                    if begin <= middle < begin + source.length:
                        heard = source.start + (middle - begin) * source.factor
                        assert known[row, frame] and abs(int(rows[row, frame, 0]) - heard / FRAME) <= 1.01
                        assert int(rows[row, frame, 1]) == target_frames(source.clip.samples)
                begin += source.length
            assert not known[row, begin // FRAME + 1 :].any(), "nothing is known of the tail"
    assert sources[0].factor == 1.2


def test_a_teacher_joins_half_way_and_resumes_exactly(world, tmp_path, taught):
    content = recipe_with_teacher(fromStep=3)
    content["earlier"] = [{"untilStep": 3, "train": ["train"], "augmentation": {}}]
    recipe = parse_recipe(content, Path("test.yaml"))
    plain = copy.deepcopy(content)
    del plain["training"]["teacher"]
    before = Run(parse_recipe(plain, Path("test.yaml")), world / "cache", tmp_path / "joined")
    before.train(3)
    joined = Run(recipe, world / "cache", tmp_path / "joined")
    step = joined.train_step
    seen = []
    joined.train_step = lambda batch, _: seen.append(step(batch, 6)) or seen[-1]
    joined.train(5)
    joined = Run(recipe, world / "cache", tmp_path / "joined")
    joined.train(6)
    assert all("teacher-first" in parts and "teacher-second" in parts for parts in seen)
    whole = Run(recipe, world / "cache", tmp_path / "whole")
    head = whole.teacher_heads["first"].weight.detach().clone()
    whole.train(6)
    assert not torch.equal(head, whole.teacher_heads["first"].weight)
    for name, value in whole.average.items():
        assert torch.allclose(value, joined.average[name], atol=1e-6), name


def test_a_wrong_teacher_is_named():
    with pytest.raises(RecipeError, match="fromStep must be 0"):
        parse_recipe(recipe_with_teacher(fromStep=7), Path("test.yaml"))
    content = recipe_with_teacher()
    del content["training"]["teacher"]["second"]
    with pytest.raises(RecipeError, match="teacher has the keys"):
        parse_recipe(content, Path("test.yaml"))

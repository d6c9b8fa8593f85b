"""What a recipe can ask of the training loop: Muon, phones, frozen encoders, masked prediction, several processes."""

import copy
import dataclasses
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
import yaml

from tandem_training import data
from tandem_training.data import Augmentation, Cache, prepare_opus
from tandem_training.evaluate import attention_greedy
from tandem_training.export import export_model
from tandem_training.lexicon import Lexicon, LexiconError, read_cmudict
from tandem_training.masked_prediction import RandomQuantiser, mask_spans
from tandem_training.model import AttentionDecoder, Encoder, Masks, codec_noise, on_device
from tandem_training.recipe import RecipeError, parse_recipe
from tandem_training.rooms import room_responses
from tandem_training.train import Batches, Position, Run, learning_rate

from .conftest import RECIPE


def recipe_with(training=None, model=None, augmentation=None):
    content = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del content["training"][key]
    content["training"].update(training or {})
    content["model"].update(model or {})
    content["augmentation"].update(augmentation or {})
    return parse_recipe(content, Path("test.yaml"))


@pytest.fixture
def lexicon(world):
    (world / "words.dict").write_text("yes Y EH1 S\nno N OW1 # comment\nhello HH AH0 L OW1\nhello(2) HH EH0 L OW1\nthere DH EH1 R\non AA1 N\nzoo Z UW1\n")
    words = read_cmudict(world / "words.dict")
    Lexicon(words).save(world / "cache" / "lexicon.json")
    return Lexicon(words)


def test_lexicon(lexicon, tmp_path):
    assert lexicon.words["HELLO"] == ["HH", "AH", "L", "OW"]
    assert lexicon.size == len(lexicon.phones) + 1 and min(lexicon.encode("YES NO")) >= 1
    assert len(lexicon.encode("HELLO THERE")) == 7
    assert lexicon.encode("YES'S") == [*lexicon.encode("YES"), lexicon.encode("ZOO")[0]]
    assert lexicon.encode("IT'S ON") is None
    (tmp_path / "empty").write_text(";;; nothing\n")
    with pytest.raises(LexiconError, match="empty"):
        read_cmudict(tmp_path / "empty")
    with pytest.raises(LexiconError, match="--lexicon"):
        Lexicon.load(tmp_path / "missing.json")


def test_muon_with_phones_resumes_exactly(world, tmp_path, lexicon):
    recipe = recipe_with({"optimizer": "muon", "phones": {"afterBlock": 1, "weight": 0.3}, "decaySteps": 4})
    whole = Run(recipe, world / "cache", tmp_path / "whole")
    assert any(isinstance(optimizer, torch.optim.Muon) for optimizer in whole.optimizers)
    head = whole.phone_head.weight.detach().clone()
    whole.train(10)
    assert not torch.equal(whole.phone_head.weight, head)
    first = Run(recipe, world / "cache", tmp_path / "halves")
    steps = first.train_step
    first.train_step = lambda batch, _: steps(batch, 10)
    first.train(4)
    second = Run(recipe, world / "cache", tmp_path / "halves")
    second.train(10)
    for name, value in whole.average.items():
        assert torch.equal(value, second.average[name]), name
    assert torch.equal(whole.phone_head.weight, second.phone_head.weight)


def test_stages_follow_each_other_and_resume_exactly(world, tmp_path):
    """An earlier stage on part of the data, stopped on its border and after it: the weights are those of one run."""
    content = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del content["training"][key]
    content["earlier"] = [{"untilStep": 3, "train": ["train@0.001"], "augmentation": {"speedProbability": 1.0}}]
    recipe = parse_recipe(content, Path("test.yaml"))
    assert [recipe.stage_at(step).train for step in (0, 2, 3, 99)] == [["train@0.001"], ["train@0.001"], ["train"], ["train"]]
    whole = Run(recipe, world / "cache", tmp_path / "whole")
    seen = []
    steps = whole.train_step
    whole.train_step = lambda batch, total: seen.append(whole.position) or steps(batch, total)
    whole.train(6)
    assert seen[2].batch == 0 and seen[2].epoch > seen[1].epoch, "the next stage begins with an epoch of its own"
    for stop in (3, 4, 6):
        run = Run(recipe, world / "cache", tmp_path / "parts")
        step = run.train_step
        run.train_step = lambda batch, _: step(batch, 6)
        run.train(stop)
    for name, value in whole.average.items():
        assert torch.equal(value, run.average[name]), name
    content["earlier"] *= 2
    with pytest.raises(RecipeError, match=r"earlier\[1\].untilStep must be above 3"):
        parse_recipe(content, Path("test.yaml"))
    content["earlier"] = [{"untilStep": 3}]
    with pytest.raises(RecipeError, match="earlier.0. has the keys"):
        parse_recipe(content, Path("test.yaml"))


def test_tight_cuts_leave_the_word():
    generator = random.Random(1)
    samples = numpy.zeros(16000, dtype=numpy.float32)
    samples[6000:10000] = numpy.sin(numpy.arange(4000)).astype(numpy.float32)
    for _ in range(20):
        cut = samples[slice(*data.cut_tight(samples, generator))]
        assert 4000 <= cut.size <= 4000 + 2 * 4 * 160 and numpy.square(cut).sum() == pytest.approx(numpy.square(samples).sum())
    assert data.cut_tight(samples[:2000], generator) == (0, 2000) and data.cut_tight(samples[6000:7600], generator) == (0, 1600)


def test_the_telephone_keeps_the_low_band():
    features = numpy.full((40, 10, 80), -3.0, dtype=numpy.float32)
    floor = numpy.log(1e-6)
    data.telephone_band(features, Augmentation(telephoneProbability=0.5), random.Random(2), floor)
    changed = features[(features[:, 0, -1] < -3)]
    assert 10 < len(changed) < 30 and (features[:, :, :55] == -3).all()
    assert (changed[:, :, 75:] == numpy.float32(floor)).all() and (numpy.diff(changed[:, 0, 54:]) <= 0).all() and features.min() >= numpy.float32(floor)


def test_unspelled_texts_have_no_phone_loss(world, lexicon):
    recipe = recipe_with({"phones": {"afterBlock": 1, "weight": 0.3}, "concatenation": None})
    cache = Cache(world / "cache", "train")
    run = Run(recipe, world / "cache", world / "spelled")
    batches = Batches(recipe, recipe.stage_at(0), [cache], None, run.vocabulary, 3200, lexicon)
    items = [data.Item((clip,)) for clip in cache.clips[:4]]
    *_, phones, counts = batches._make(items, Position())
    assert [int(count) for count in counts] == [len(lexicon.encode(item.text) or []) for item in items]
    assert 0 in counts and phones.shape[1] == int(counts.max())


def test_the_rate_stays_and_falls_in_a_line():
    recipe = recipe_with({"steps": 100, "warmupSteps": 10, "decaySteps": 20, "learningRate": 1.0, "finalLearningRate": 0.0})
    rates = [learning_rate(step, recipe, 100) for step in range(101)]
    assert rates[4] == 0.5 and rates[10:80] == [1.0] * 70
    assert abs(rates[90] - 0.5) < 1e-9 and rates[100] == 0.0


def test_frozen_encoders_stay(world, tmp_path):
    first = Run(recipe_with(), world / "cache", tmp_path / "first")
    first.train(2)
    run = Run(recipe_with({"freezeEncoder": True}), world / "cache", tmp_path / "frozen", initialise=tmp_path / "first" / "checkpoint.pt")
    assert torch.equal(run.model.encoder.blocks[0].feedForward1.expand.weight, first.average["encoder.blocks.0.feedForward1.expand.weight"])
    before = {name: value.detach().clone() for name, value in run.model.named_parameters()}
    run.train(2)
    changed = {name for name, value in run.model.named_parameters() if not torch.equal(value, before[name])}
    assert changed and not any(name.startswith(("subsampling.", "encoder.blocks.")) for name in changed)
    assert any(name.startswith("encoder.exits.") for name in changed)
    (tmp_path / "strange").mkdir()
    torch.save({"model": {}, "average": {}}, tmp_path / "strange" / "checkpoint.pt")
    with pytest.raises(ValueError, match="no block"):
        Run(recipe_with(), world / "cache", tmp_path / "other", initialise=tmp_path / "strange" / "checkpoint.pt")


def test_the_edges_half_learns_alone_on_what_the_device_ships(world, tmp_path):
    first = Run(recipe_with(), world / "cache", tmp_path / "first")
    first.train(3)
    recipe = recipe_with({"freezeFirstPass": True, "headsFirst": 1, "dropout": 0.5, "codecNoise": {"probability": 1.0, "levels": [7, 127]}})
    run = Run(recipe, world / "cache", tmp_path / "edge", initialise=tmp_path / "first" / "checkpoint.pt", whole=True)
    before = {name: value.detach().clone() for name, value in run.model.named_parameters()}
    run.train(3, log_every=1)
    for name, value in run.model.named_parameters():
        if on_device(name):
            assert torch.equal(value, first.average[name]) and torch.equal(run.average[name], first.average[name]), name
    assert not any(torch.equal(value, before[name]) for name, value in run.model.named_parameters() if name.startswith("secondEncoder."))
    log = [json.loads(line) for line in (tmp_path / "edge" / "log.jsonl").read_text().splitlines()]
    assert any("second-ctc" in line for line in log) and not any("exit1" in line for line in log)
    # Nothing random remains below the second pass: the same input gives the same exits, and other second logits.
    features, frames = torch.randn(2, 160, run.model.settings.features.melBins), torch.tensor([160, 96])
    with torch.no_grad():
        once, again = run.model(features, frames), run.model(features, frames)
    assert torch.equal(once.exits[-1], again.exits[-1]) and not torch.equal(once.second_logits, again.second_logits)
    Run(recipe, world / "cache", tmp_path / "edge").train(4)  # goes on without the other run's checkpoint
    with pytest.raises(ValueError, match="--initialise-whole"):
        Run(recipe, world / "cache", tmp_path / "alone", initialise=tmp_path / "first" / "checkpoint.pt")
    with pytest.raises(RecipeError, match="secondEncoder"):
        recipe_with({"freezeFirstPass": True}, {"secondEncoder": None, "transducer": None})
    for wrong in ({"probability": 1.0, "levels": [0, 127]}, {"probability": 2, "levels": [7, 127]}, {"levels": [7, 127]}, {"probability": 1, "levels": 7}, 0.5, [7, 127]):
        with pytest.raises(ValueError, match="codecNoise is"):
            recipe_with({"codecNoise": wrong})


def test_the_passes_have_dropout_of_their_own(world, tmp_path):
    for number, (given, expected) in enumerate([({"dropout": 0.1}, (0.1, 0.1)), ({"dropout": 0.1, "secondDropout": 0.3}, (0.1, 0.3)), ({"dropout": 0.1, "secondDropout": 0.0}, (0.1, 0.0))]):
        model = Run(recipe_with(given), world / "cache", tmp_path / str(number)).model
        assert (model.encoder.blocks[0].dropout, model.secondEncoder.blocks[0].dropout) == expected


def test_codec_noise_is_within_half_a_step():
    torch.manual_seed(1)
    features = torch.randn(64, 20, 16) * torch.logspace(-3, 3, 20)[None, :, None]
    difference = (codec_noise(features, 0.5, [7, 127]) - features).abs() / features.abs().amax(-1, keepdim=True)
    touched = (difference > 0).flatten(1).any(1)
    assert 16 < int(touched.sum()) < 48
    assert float(difference.max()) <= 0.5 / 7 + 1e-6
    largest = difference.flatten(1).amax(1)[touched]
    assert float(largest.max()) > 0.5 / 12 and float(largest.min()) < 0.5 / 60 and float(largest.min()) > 0.4 / 127
    assert torch.equal(codec_noise(features, 0.0, [7, 127]), features)


def test_heads_first_leave_the_blocks_alone_until_they_have_learnt(world, tmp_path):
    first = Run(recipe_with(), world / "cache", tmp_path / "taught")
    first.train(2)
    recipe = recipe_with({"headsFirst": 2, "warmupSteps": 4, "learningRate": 1.0})
    run = Run(recipe, world / "cache", tmp_path / "heads", initialise=tmp_path / "taught" / "checkpoint.pt")
    blocks = ("subsampling.", "encoder.blocks.", "secondEncoder.input.", "secondEncoder.blocks.")
    assert torch.equal(run.model.secondEncoder.input.weight, first.average["secondEncoder.input.weight"])
    before = {name: value.detach().clone() for name, value in run.model.named_parameters()}
    run.train(2)
    changed = {name for name, value in run.model.named_parameters() if not torch.equal(value, before[name])}
    assert changed and not any(name.startswith(blocks) for name in changed)
    run.train(3)
    changed = {name for name, value in run.model.named_parameters() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder.blocks.") for name in changed) and any(name.startswith("secondEncoder.blocks.") for name in changed)
    assert [learning_rate(step, recipe, 100) for step in (1, 2, 5)] == [2 / 50, 0.25, 1.0]  # its own short ramp, then the warm-up


def test_a_share_of_a_set_is_drawn_anew_for_each_epoch(world):
    recipe = dataclasses.replace(recipe_with({"concatenation": None, "shortFirst": None}), shares={"hums": 0.5})
    cache = Cache(world / "cache", "train")
    run = Run(recipe, world / "cache", world / "shared-out")
    batches = Batches(recipe, recipe.stage_at(0), [cache], None, run.vocabulary, 3200)
    drawn = [frozenset(clip.path for batch in batches._plan(epoch) for item in batch for clip in item.clips) for epoch in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and 0 < len(drawn[0]) < len(cache.clips)
    with pytest.raises(RecipeError, match="data.shares.hums is 2"):
        parse_recipe({**RECIPE, "data": {"train": ["train"], "dev": "dev", "shares": {"hums": 2}}}, Path("r.yaml"))


def test_masked_prediction_learns(world, tmp_path):
    recipe = recipe_with({"objective": "masked-prediction", "steps": 40, "learningRate": 0.01})
    run = Run(recipe, world / "cache", tmp_path / "masked")
    codebook = run.quantiser.codebook.clone()
    run.train(40, log_every=1)
    losses = [record["masked"] for record in map(json.loads, (tmp_path / "masked" / "log.jsonl").read_text().splitlines()) if "masked" in record]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert torch.equal(run.quantiser.codebook, codebook)


def test_masks_cover_what_the_codes_are_of():
    features = torch.randn(2, 41, 80)
    hidden, masked = mask_spans(features, torch.tensor([11, 8]), random.Random(1))
    quantiser = RandomQuantiser(80, 8, seed=1)
    assert masked.shape == (2, 11) and masked.any() and not masked[1, 8:].any()
    codes, after = quantiser.codes(features), quantiser.codes(hidden)
    assert torch.equal(codes[~masked], after[~masked]), "what is not masked keeps its code"
    assert (hidden != features).any(-1).sum() <= 4 * masked.sum()


def test_attention_decoder_is_causal_and_stops():
    decoder = AttentionDecoder({"layers": 2, "heads": 2, "feedForward": 16}, 8, 12).eval()
    encoded, lengths = torch.randn(2, 9, 8), torch.tensor([9, 5])
    tokens = torch.tensor([[0, 3, 4, 5], [0, 7, 8, 9]])
    whole = decoder(tokens, encoded, lengths)
    torch.testing.assert_close(decoder(tokens[:, :2], encoded, lengths), whole[:, :2])
    changed = encoded.clone()
    changed[1, 5:] = 100.0
    torch.testing.assert_close(decoder(tokens, changed, lengths), whole)

    class Model:
        attentionDecoder = decoder

    assert all(len(row) <= 9 for row in attention_greedy(Model(), encoded, lengths))


def test_attention_decoder_trains_and_is_not_exported(world, tmp_path):
    recipe = recipe_with({"attentionWeight": 0.7}, {"attentionDecoder": {"layers": 1, "heads": 2, "feedForward": 8}})
    run = Run(recipe, world / "cache", tmp_path / "run")
    before = run.model.attentionDecoder.projection.weight.detach().clone()
    run.train(2)
    assert not torch.equal(run.model.attentionDecoder.projection.weight, before)
    assert "attention" in run.evaluate()
    with pytest.raises(ValueError, match="attention decoder"):
        export_model(run.model, run.vocabulary, "x", tmp_path / "model", "float32")


def test_non_causal_first_pass_sees_the_future():
    settings = {**RECIPE["model"]["encoder"], "causal": False}
    encoder = Encoder(settings, 30, 0.0).eval()
    x = torch.randn(1, 20, 8)
    changed = x.clone()
    changed[0, 19] = 5.0
    lengths = torch.tensor([20])
    assert not torch.allclose(encoder(x, lengths)[0][-1][0, 0], encoder(changed, lengths)[0][-1][0, 0])
    assert Masks.whole(lengths, 20).visible.all()


def test_rooms_and_opus_keep_length_and_level(world):
    rooms = room_responses(3, seed=1)
    assert rooms.shape[0] == 3 and numpy.allclose(rooms[:, 0], 1.0, atol=0.5) and numpy.array_equal(rooms, room_responses(3, seed=1))
    prepare_opus(world / "cache", "train", 1)
    cache = Cache(world / "cache", "train")
    clip = cache.clips[5]
    plain, coded = cache.samples(clip), cache.samples(clip, coded=True)
    assert plain.size == coded.size and not numpy.array_equal(plain, coded)
    assert numpy.corrcoef(plain, coded)[0, 1] > 0.9
    heard = data.in_room(plain, rooms[0])
    assert heard.size == plain.size and abs(numpy.mean(heard**2) / numpy.mean(plain**2) - 1) < 0.01
    augmentation = Augmentation(roomProbability=1.0, opusProbability=1.0)
    batch = data.load_batch([data.Item((clip,))], cache, lambda text: [1], 0, augmentation, None, random.Random(1), rooms)
    assert not numpy.allclose(batch.samples[0], plain)


def test_hours_of_a_cache(world):
    whole, part = Cache(world / "cache", "train"), Cache(world / "cache", "train@0.002")
    assert 0 < len(part.clips) < len(whole.clips) and set(part.clips) <= set(whole.clips)
    assert sum(clip.samples for clip in part.clips[:-1]) < 0.002 * 3600 * 16000 <= sum(clip.samples for clip in part.clips)
    assert [clip.path for clip in Cache(world / "cache", "train@0.001").clips] == [clip.path for clip in part.clips[: len(Cache(world / "cache", "train@0.001").clips)]]


def test_a_whole_model_goes_on_with_more_blocks(world, tmp_path):
    """Taken whole, a model says what it said; with another second-pass block it says nearly the same."""
    first = Run(recipe_with(), world / "cache", tmp_path / "first")
    first.train(3)
    same = Run(recipe_with({"steps": 4}), world / "cache", tmp_path / "same", tmp_path / "first" / "checkpoint.pt", whole=True)
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, same.model.state_dict()[name]), name
    content = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del content["training"][key]
    content["model"]["secondEncoder"]["blocks"] *= 2
    deeper = Run(parse_recipe(content, Path("test.yaml")), world / "cache", tmp_path / "deeper", tmp_path / "first" / "checkpoint.pt", whole=True)
    features, frames = torch.randn(2, 60, first.model.settings.features.melBins), torch.tensor([60, 44])
    with torch.no_grad():
        outputs = [run.model.eval()(features, frames).second[-1] for run in (first, deeper)]
    assert torch.nn.functional.cosine_similarity(*outputs, dim=-1).min() > 0.9


def test_a_cache_may_be_named_by_set(world):
    whole = Cache(world / "cache", "train")
    sets = {clip.set for clip in whole.clips}
    for name in sets:
        assert {clip.set for clip in Cache(world / "cache", f"train/{name}").clips} == {name}
    name = sorted(sets)[0]
    if len(sets) > 1:
        assert {clip.set for clip in Cache(world / "cache", f"train/-{name}").clips} == sets - {name}
    assert 0 < len(Cache(world / "cache", f"train/{name}@0.0005").clips) < len(whole.clips)
    with pytest.raises(data.ManifestError, match="nothing is left of it for train/-?"):
        Cache(world / "cache", "train/nobody")


def test_opus_is_not_claimed_without_coded_copies(world, tmp_path):
    (world / "cache" / "train.opus.pcm").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match="--opus"):
        Run(recipe_with(augmentation={"opusProbability": 0.5}), world / "cache", tmp_path / "run")


def test_loader_processes_make_the_same_batches(world, tmp_path):
    run = Run(recipe_with(), world / "cache", tmp_path / "run")
    made = []
    for loaders in (0, 2):
        recipe = recipe_with({"loaders": loaders})
        batches = Batches(recipe, recipe.stage_at(0), run.caches, run.noise, run.vocabulary, 3200).start(Position(0, 1), 6)
        made.append([next(batches) for _ in range(6)])
        batches.close()
    for (after, rounds, one), (other_after, other_rounds, two) in zip(*made):
        assert (after, rounds) == (other_after, other_rounds)
        assert all(torch.equal(left, right) for left, right in zip(one, two))


def test_unknown_choices_are_named():
    with pytest.raises(ValueError, match="training.optimizer.*sgd"):
        recipe_with({"optimizer": "sgd"})


TORCHRUN = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {root!r})
from tandem_training.recipe import load_recipe
from tandem_training.train import Run
run = Run(load_recipe(Path({recipe!r})), Path({cache!r}), Path({folder!r}))
run.train({steps})
torch.save(run.average, Path({folder!r}) / f"average-{{run.peers.rank}}.pt")
"""


def test_two_processes_train_one_model(world, tmp_path):
    """Over gloo on CPU: both hold the same weights afterwards, other ones than one process alone, and the run resumes."""
    content = copy.deepcopy(RECIPE)
    for key in ("growth", "transducerAlone"):
        del content["training"][key]
    content["training"].update(optimizer="muon", batchSeconds=3)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    root = str(Path(data.__file__).parent.parent)
    for steps in (3, 5):
        (tmp_path / "work.py").write_text(
            TORCHRUN.format(root=root, recipe=str(tmp_path / "recipe.yaml"), cache=str(world / "cache"), folder=str(tmp_path / "run"), steps=steps)
        )
        finished = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "work.py")],
            capture_output=True, text=True, timeout=240, env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )
        assert finished.returncode == 0, finished.stderr[-2000:]
    one, two = (torch.load(tmp_path / "run" / f"average-{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["steps"] for record in records if "parameters" in record] == [3, 5], "one process keeps the log"
    alone = Run(parse_recipe(content, Path("x")), world / "cache", tmp_path / "alone")
    alone.train(5)
    assert not torch.equal(alone.average["subsampling.projection.weight"], one["subsampling.projection.weight"])

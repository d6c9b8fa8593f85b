"""Training by the clock with the samples on the device: batches as planned, the same features, start from a model folder, silence."""

import json
import tarfile

import numpy
import pytest
import torch
import yaml

from tandem_training import data
from tandem_training.data import Augmentation, Cache
from tandem_training.evaluate import evaluate
from tandem_training.export import average_models, export_model, load_model
from tandem_training.features import log_mel
from tandem_training.model import Recogniser, inherit
from tandem_training.muon import BatchedMuon
from tandem_training.recipe import load_recipe, parse_recipe
from tandem_training.resident import BatchPlan, Corpus, Mixer, Planner, Utterance, load_noise
from tandem_training.timed import NOBODY, Surrounded, Surrounding, TimedRun
from tandem_training.vocabulary import Vocabulary

from .conftest import RECIPE

TRAINING = {key: value for key, value in RECIPE["training"].items() if key not in ("growth", "transducerAlone")}


def recipe(**changes):
    return parse_recipe({**RECIPE, "training": TRAINING, **changes}, "test")


def planner(world, made):
    corpus = Corpus(world / "cache", made.train)
    noise = Cache(world / "cache", "noise")
    return Planner(made, corpus, [clip.samples for clip in noise.clips], 0, Vocabulary.characters().encode), corpus


def mixer(world, corpus, augmentation, rooms=None):
    noise, places = load_noise(world / "cache", "noise", torch.device("cpu"))
    settings = recipe().model_settings(40).features
    return Mixer(corpus.to(torch.device("cpu"), step=5000), noise, places, rooms, augmentation, settings)


def test_the_corpus_holds_every_clip(world):
    corpus, cache = Corpus(world / "cache", ["train", "dev/hums"]), Cache(world / "cache", "dev")
    samples = corpus.to(torch.device("cpu"), step=5000)
    for number, clip in enumerate(corpus.clips):
        stretch = samples[corpus.starts[number] : corpus.starts[number] + clip.samples].numpy() / numpy.float32(32768)
        assert numpy.array_equal(stretch, corpus.raw(number))
    assert numpy.array_equal(corpus.raw(len(corpus.clips) - 1), cache.samples(cache.clips[-1]))


def test_without_augmentation_features_are_those_of_the_clips(world):
    made = recipe(augmentation={}, data={**RECIPE["data"], "noise": None})
    plans, corpus = planner(world, made)
    vocabulary, seen = Vocabulary.characters(), 0
    mix = mixer(world, corpus, made.augmentation)
    by_start = {start: (clip, number) for number, (clip, start) in enumerate(zip(corpus.clips, corpus.starts))}
    for utterances in plans.epoch(0):
        features, frames, targets, counts = mix(BatchPlan.of(utterances, 0.0))
        for row, one in enumerate(utterances):
            wave = numpy.concatenate([corpus.raw(by_start[place][1]) for place, *_ in one.segments] + [numpy.zeros(3200, numpy.float32)])
            wanted = log_mel(torch.from_numpy(wave), mix.features)
            assert frames[row] == len(wanted)
            torch.testing.assert_close(features[row, : len(wanted)], wanted, rtol=1e-3, atol=1e-3)
            text = " ".join(by_start[place][0].text for place, *_ in one.segments)
            assert vocabulary.decode(targets[row, : counts[row]].tolist()) == text
            seen += len(one.segments)
    assert seen == len(corpus.clips)


def test_speed_is_what_the_other_pipeline_makes(world):
    corpus = Corpus(world / "cache", ["train"])
    mix = mixer(world, corpus, Augmentation())
    here = int(corpus.clips[7].samples / 1.13)
    one = Utterance(segments=[(corpus.starts[7], corpus.clips[7].samples, here, 1.13, 0.5)], lead=160, spoken=here)
    samples = mix.samples(BatchPlan.of([one], 0.0))[0]
    wanted = 0.5 * data.change_speed(corpus.raw(7), 1.13)
    assert samples.shape == (160 + here + 3200,) and float(samples[:160].abs().max()) == 0.0
    numpy.testing.assert_allclose(samples[160 : 160 + here].numpy(), wanted, atol=1e-6)


def test_noise_has_its_level_and_silence_its_place(world):
    corpus = Corpus(world / "cache", ["train"])
    mix = mixer(world, corpus, Augmentation())
    count = corpus.clips[0].samples
    speech = [(corpus.starts[0], count, count, 1.0, 1.0)]
    plain, noisy, padded, empty = (
        Utterance(segments=speech, spoken=count), Utterance(segments=speech, spoken=count, noise=1, noiseStart=100, noiseDecibels=6.0),
        Utterance(segments=speech, spoken=count, lead=8000, trail=4000, hiss=0.001), Utterance(lead=9000, noise=0, noiseDecibels=-30.0),
    )
    made = mix.samples(BatchPlan.of([plain, noisy, padded, empty], 0.0))
    added = (made[1] - made[0])[:count]
    assert 10 * torch.log10(made[0, :count].square().mean() / added.square().mean()) == pytest.approx(6.0, abs=0.3)
    assert torch.equal(made[2, 8000 : 8000 + count], made[0, :count])  # hiss lies around the speech only
    for side in (made[2, :8000], made[2, 8000 + count : 12000 + count]):
        assert float(side.std()) == pytest.approx(0.001, rel=0.1)
    assert float(made[2, 12000 + count :].abs().max()) == 0.0
    assert 10 * torch.log10(made[3, :9000].square().mean()) == pytest.approx(-30.0, abs=1.0)


def test_rooms_and_the_telephone(world):
    corpus = Corpus(world / "cache", ["train"])
    rooms = torch.zeros(1, 800)
    rooms[0, 0] = 1.0
    rooms[0, 480] = 0.5
    mix = mixer(world, corpus, Augmentation(telephoneProbability=1.0), rooms)
    count = corpus.clips[3].samples
    speech = [(corpus.starts[3], count, count, 1.0, 1.0)]
    made = mix.samples(BatchPlan.of([Utterance(segments=speech, spoken=count), Utterance(segments=speech, spoken=count, room=0)], 0.0))
    wanted = data.in_room(made[0, :count].numpy(), rooms[0].numpy())
    numpy.testing.assert_allclose(made[1, :count].numpy(), wanted, atol=1e-4)
    features = log_mel(made, mix.features)
    narrow = mix.telephone(features, 1.0)
    assert torch.equal(narrow[..., :55], features[..., :55])
    assert float(narrow[..., 74:].max()) == pytest.approx(float(numpy.log(1e-6)), abs=1e-5)
    assert torch.equal(mix.telephone(features, 0.0), features)


def test_masks_hide_stretches_of_the_wanted_width(world):
    corpus = Corpus(world / "cache", ["train"])
    mix = mixer(world, corpus, Augmentation(frequencyMasks=1, frequencyMaskBins=9, timeMasks=1, timeMaskFrames=7))
    torch.manual_seed(1)
    hidden = mix.masks(torch.ones(400, 200, 80), torch.full((400,), 200), 0) == 0.0
    columns, rows = hidden.all(1).sum(1), hidden.all(2).sum(1)
    assert columns.min() == 0 and columns.max() == 9 and rows.min() == 0 and rows.max() == 7
    assert not (mix.masks(torch.ones(50, 60, 80), torch.full((50,), 5), 0) == 0.0).all(2).any()  # too short for a mask


def test_pads_and_empty_utterances_are_drawn(world):
    made = recipe(augmentation={"padProbability": 1.0, "padSeconds": [1, 2], "hissDecibels": [-60, -40], "humProbability": 0.5, "emptyShare": 0.5})
    plans, _ = planner(world, made)
    utterances = [one for batch in plans.epoch(0) for one in batch]
    empty = [one for one in utterances if not one.segments]
    spoken = [one for one in utterances if one.segments]
    assert len(empty) == len(spoken) // 2 and all(one.tokens == [] and one.lead > 0 for one in empty)
    assert all(16000 <= one.lead + one.trail <= 64000 for one in spoken) and any(one.lead for one in spoken) and any(one.trail for one in spoken)
    assert all(one.hiss == 0.0 or 0.0009 < one.hiss < 0.011 for one in utterances) and any(one.hum for one in utterances)
    assert [one.lead for batch in plans.epoch(0) for one in batch] == [one.lead for one in utterances]


def test_batched_muon_is_muon():
    torch.manual_seed(4)
    start = [torch.randn(shape) for shape in ((6, 4), (4, 6), (6, 4), (5, 5))]
    groups = [[torch.nn.Parameter(value.clone()) for value in start] for _ in range(2)]
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = [torch.optim.Muon(groups[0], **settings), BatchedMuon(groups[1], **settings)]
    for _ in range(3):
        gradients = [torch.randn_like(value) for value in start]
        for values, optimizer in zip(groups, optimizers):
            for value, gradient in zip(values, gradients):
                value.grad = gradient.clone()
            optimizer.step()
    for one, other, first in zip(*groups, start):
        torch.testing.assert_close(one - first, other - first, rtol=0.05, atol=1e-3)  # bfloat16 inside
        assert float((one - first).detach().abs().max()) > 0.005


def small_model(seed=1, **changes):
    torch.manual_seed(seed)
    return Recogniser(recipe(model={**RECIPE["model"], **changes}).model_settings(36)).eval()


def test_a_larger_model_says_what_it_started_from():
    small = small_model()
    with torch.no_grad():
        for value in small.parameters():
            value.add_(0.05 * torch.randn_like(value))
    encoder = {**RECIPE["model"]["encoder"], "blocks": [{**block, "feedForward": 20} for block in RECIPE["model"]["encoder"]["blocks"]]}
    large = small_model(2, encoder=encoder)
    inherit(large, small.state_dict(), "small")
    features, frames = torch.randn(2, 60, 80), torch.tensor([60, 41])
    one, other = small(features, frames), large(features, frames)
    for left, right in zip(one.exits + [one.second_logits], other.exits + [other.second_logits]):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="larger|may grow"):
        inherit(small_model(1, encoder={**RECIPE["model"]["encoder"], "dimension": 12}), small.state_dict(), "small")
    deeper = small_model(3, secondEncoder={**RECIPE["model"]["secondEncoder"], "blocks": RECIPE["model"]["secondEncoder"]["blocks"] * 2})
    inherit(deeper, small.state_dict(), "small")
    assert torch.equal(deeper.secondEncoder.blocks[1].normalization.weight, small.secondEncoder.blocks[0].normalization.weight)


def test_silence_around_clips(world):
    dev = Cache(world / "cache", "dev")
    around = Surrounded(dev, Cache(world / "cache", "noise"), {"a": Surrounding(before=0.5, behind=0.25, decibels=-40.0), "b": Surrounding(before=0.1)})
    clips = around.clips(dev.clips[:1] + [NOBODY])
    assert [clip.set for clip in clips] == ["a", "a", "b", "b"] and clips[0].samples == dev.clips[0].samples + 12000
    wave = around.samples(clips[0])
    assert numpy.array_equal(wave[8000 : 8000 + dev.clips[0].samples], dev.samples(dev.clips[0]))
    assert numpy.std(wave[:8000]) == pytest.approx(0.01, rel=0.05) and around.samples(clips[3]).tolist() == [0.0] * 1600


def test_a_run_by_the_clock_from_a_model_folder(world, tmp_path):
    """From a model folder to a model folder: everything that the GPU's script does, in some seconds."""
    augmentation = {**RECIPE["augmentation"], "padProbability": 0.5, "padSeconds": [0, 1], "humProbability": 0.2, "emptyShare": 0.2, "roomProbability": 0.3, "tightProbability": 0.5}
    content = {**RECIPE, "training": {**TRAINING, "optimizer": "muon", "batchSeconds": 12, "codecNoise": {"probability": 0.5, "levels": [7, 127]}}, "augmentation": augmentation}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    made = load_recipe(tmp_path / "recipe.yaml")
    vocabulary = Vocabulary.characters()
    torch.manual_seed(5)
    export_model(Recogniser(made.model_settings(len(vocabulary))), vocabulary, "start", tmp_path / "start", "float16")
    run = TimedRun(made, world / "cache", tmp_path / "run", tmp_path / "start", minutes=0.5, reserve=18.0, out=tmp_path / "out", device="cpu")
    before = [value.detach().clone() for value in run.model.parameters()]
    for one, other in run.check(run.plans.next()).values():
        assert one == pytest.approx(other, rel=0.01, abs=0.01) and one > 0
    run.train()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["device.safetensors", "edge.safetensors", "run.tar.gz"]
    assert run.step > 10 and run.skipped == 0
    assert all(not torch.equal(one, other) for one, other in zip(before, run.model.parameters()) if other.grad is not None)
    with tarfile.open(tmp_path / "out" / "run.tar.gz") as archive:
        assert sorted(archive.getnames()) == ["dev.jsonl", "log.jsonl", "model.json", "vocabulary.json"]
        archive.extractall(tmp_path / "model", filter="data")
    for half in ("device", "edge"):
        (tmp_path / "out" / f"{half}.safetensors").rename(tmp_path / "model" / f"{half}.safetensors")
    model, loaded = load_model(tmp_path / "model")
    assert loaded.tokens == vocabulary.tokens
    lines = [json.loads(line) for line in (tmp_path / "model" / "dev.jsonl").read_text().splitlines()]
    wanted = evaluate(model, loaded, run.dev, run.dev.clips).errors["exit2"]["all"]
    [found] = [line for line in lines if line.get("path") == "exit2" and line["set"] == "all"]
    assert found["words"] == wanted.words and found["wer"] == pytest.approx(wanted.rate, abs=0.3)
    assert {line["result"] for line in lines} == {"greedy-wer", "silence-wer", "invented-words"}
    rates = [json.loads(line).get("rate") for line in (tmp_path / "model" / "log.jsonl").read_text().splitlines()]
    assert any(rate is not None for rate in rates)


def test_what_the_clock_cannot_do_is_refused(world, tmp_path):
    made = recipe(training=RECIPE["training"])
    with pytest.raises(ValueError, match="growth"):
        TimedRun(made, world / "cache", tmp_path / "out", None, 1.0, device="cpu")
    with pytest.raises(ValueError, match="nothing to train in"):
        TimedRun(recipe(), world / "cache", tmp_path / "out", None, 1.0, 58.0, None, "cpu")
    with pytest.raises(ValueError, match="judged on"):
        TimedRun(recipe(data={**RECIPE["data"], "dev": "train"}), world / "cache", tmp_path / "out", None, 1.0, 10.0, None, "cpu")


def test_the_mean_of_two_model_folders(tmp_path):
    vocabulary = Vocabulary.characters()
    for number, name in enumerate(("new", "old")):
        torch.manual_seed(number)
        export_model(Recogniser(recipe().model_settings(len(vocabulary))), vocabulary, name, tmp_path / name, "float32")
    average_models(tmp_path / "new", tmp_path / "old", 0.75, tmp_path / "mean", "float32")
    mean, new, old = (load_model(tmp_path / name)[0].state_dict() for name in ("mean", "new", "old"))
    for name, value in mean.items():
        torch.testing.assert_close(value, 0.75 * new[name] + 0.25 * old[name])
    with pytest.raises(ValueError, match="between 0 and 1"):
        average_models(tmp_path / "new", tmp_path / "old", 1.5, tmp_path / "mean")

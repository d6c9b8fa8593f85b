"""The pre-trained encoder's training: batches on the device, exits, codec, what is stored, and how data travels."""

import json
import struct

import numpy
import pytest
import torch

from tandem_training.pretrained import pack, publish, store, whisper
from tandem_training.pretrained.adapt import Average, rate_at, take_step, word_loss
from tandem_training.pretrained.codec import EdgeHalf, SplitCodec, entropies, quantized
from tandem_training.pretrained.resident import FFT_ROWS, SHORTEST, STEP, Clips, Drawing, Plans, Speech, filtered, mask
from tandem_training.pretrained.validate import batches, clean, ctc_text, decoder_tokens
from tandem_training.pretrained.weights import read_ctranslate2
from tandem_training.pretrained.whisper import Dimensions, Linear, Whisper, log_mel, mel_filters, stacked
from tandem_training.vocabulary import Vocabulary

SIZE = Dimensions(mel=80, width=64, heads=1, encoderLayers=3, decoderLayers=2, tokens=90)


class Letters:
    """A tokenizer of letters, for texts without Hugging Face's."""

    def encode(self, text, add_special_tokens):
        return type("Encoding", (), {"ids": [10 + ord(letter) - ord("a") if letter != " " else 5 for letter in text]})


def write_cache(folder, name, waves, texts):
    offset, lines = 0, []
    for wave, text in zip(waves, texts):
        lines.append(json.dumps({"path": f"{text}.wav", "set": "s", "speaker": "a", "text": text, "offset": offset, "samples": len(wave)}))
        offset += len(wave)
    numpy.concatenate(waves).astype(numpy.int16).tofile(folder / f"{name}.pcm")
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture
def cache(tmp_path):
    random = numpy.random.default_rng(0)
    waves = [random.integers(-9000, 9000, size) for size in (16000, 70000, 30000, 9000, 120000)]
    write_cache(tmp_path, "train", waves, ["YES", "GO ON", "LEFT", "NO", "A B C"])
    write_cache(tmp_path, "noise", [random.integers(-500, 500, 5000)], [""])
    numpy.save(tmp_path / "rooms.npy", numpy.eye(1, 400, dtype=numpy.float32).repeat(2, 0))
    return tmp_path


def plans(cache, **options):
    clips = Clips.load(cache, "train", Vocabulary.characters(), Letters())
    return clips, Plans(clips, Drawing(30.0, (1, 2), 3, **options), seed=5)


def test_rows_without_augmentation_are_the_clips(cache):
    clips, made = plans(cache, augment=False)
    speech = Speech(cache, "train", torch.device("cpu"), augmented=False)
    seen = set()
    for _, plan in zip(range(8), made):
        plan = plan[1]
        wave = speech.waves(plan)
        assert plan.window % STEP == 0 and plan.window >= SHORTEST
        expected = torch.zeros_like(wave)
        for clip, row, place, length in zip(plan.clip, plan.row, plan.place, plan.length):
            start = clips.offset[clip]
            expected[row, place : place + length] = speech.samples[start : start + length].float() / 32768
            assert length == clips.samples[clip]
            seen.add(int(clip))
        # The last sample of a clip has no right neighbor to interpolate with.
        assert torch.allclose(wave, expected, atol=0.6)
        assert (wave != expected).sum() <= len(plan.clip)
    assert seen == set(range(5))


def test_targets_follow_the_clips_of_a_row(cache):
    clips, made = plans(cache, augment=True, rooms=2, noises=(5000,), empty=0.5)
    empty = 0
    for _, (_, plan) in zip(range(20), made):
        for row in range(plan.hiss.size):
            text = " ".join(clips.text[clip] for clip in plan.clip[plan.row == row])
            empty += text == ""
            assert Vocabulary.characters().decode(plan.ctc[row, : plan.ctcCount[row]].tolist()) == text
            words = [token for token in plan.words[row] if token != -100]
            assert words == [1, 2, *Letters().encode(" " + text.lower() if text else "", False).ids, 3]
    assert empty > 0


def test_augmented_waves_are_finite_and_bounded(cache):
    _, made = plans(cache, augment=True, rooms=2, noises=(5000,), empty=0.5)
    speech = Speech(cache, "train", torch.device("cpu"), augmented=True)
    assert speech.noiseLengths == (5000,)
    for _, (_, plan) in zip(range(20), made):
        wave = speech.waves(plan)
        assert torch.isfinite(wave).all() and wave.abs().max() <= 1
        features = mask(log_mel(wave), torch.from_numpy(plan.masks))
        assert features.shape == (plan.hiss.size, 80, plan.window // 160) and torch.isfinite(features).all()


def test_filtering_in_groups_is_convolution():
    torch.manual_seed(0)
    rows, taps = torch.randn(FFT_ROWS + 3, 900), torch.randn(FFT_ROWS + 3, 50)

    def response(bins, first, last):
        return torch.fft.rfft(taps[first:last], 2 * (bins - 1))

    found = filtered(rows, response, 50)
    for row in (0, FFT_ROWS + 2):
        expected = numpy.convolve(rows[row].numpy(), taps[row].numpy())[:900]
        assert numpy.allclose(found[row].numpy(), expected, atol=1e-3)


def test_the_spectrum_by_convolution_is_the_transform():
    wave = torch.randn(2, 16000)
    padded = torch.nn.functional.pad(wave[:, None], (200, 200), mode="reflect")
    power = torch.nn.functional.conv1d(padded, whisper._fourier(torch.device("cpu")), stride=160)[..., :-1].square().unflatten(1, (2, -1)).sum(1)
    expected = torch.stft(wave, 400, 160, window=torch.hann_window(400), return_complex=True)[..., :-1].abs().square()
    assert torch.allclose(power, expected, rtol=1e-3, atol=1e-2)


def test_filters_have_slaneys_area():
    filters = mel_filters()
    assert filters.shape == (80, 201)
    # Area-normalized triangles: height 2 / width, so each sums to about 1 / the bins' distance of 40 Hz.
    wide = filters[40:].sum(1) * 40
    assert torch.allclose(wide, torch.ones(40), atol=0.08)


def test_a_low_rank_delta_begins_at_nothing_and_is_all_that_learns():
    layer = Linear(8, 6)
    x = torch.randn(3, 8)
    before = layer(x)
    layer.add_low_rank(2)
    assert torch.equal(layer(x), before)
    layer(x).square().sum().backward()
    assert layer.weight.grad is None and layer.lowRankUp.grad.abs().sum() > 0


def test_exits_see_pairs_of_frames():
    torch.manual_seed(0)
    model = Whisper(SIZE, [1, 3], 12).eval()
    memory, exits = model.encode(torch.randn(2, 80, 130))
    assert memory.shape == (2, 65, 64) and exits[1].shape == (2, 32, 12)
    assert torch.equal(stacked(torch.arange(10.0).view(1, 5, 2)), torch.tensor([[[0.0, 1, 2, 3], [4, 5, 6, 7]]]))


def test_the_decoder_learns_its_text(cache):
    torch.manual_seed(0)
    model = Whisper(SIZE, [3], 12)
    words = torch.tensor([[1, 2, 30, 31, 3, -100], [1, 2, 40, 41, 42, 3]])
    features = torch.randn(2, 80, 64)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=3e-3)
    losses = []
    for _ in range(30):
        loss = word_loss(model.decoder, model.encode(features)[0], words, 2, 0.0, 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_the_average_is_swapped_in_and_out():
    layer = torch.nn.Linear(2, 2)
    average = Average(layer, 0.9)
    first = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight += 1
    average.update()
    average.swap()
    assert ((layer.weight > first) & (layer.weight < first + 1)).all()
    average.swap()
    assert torch.allclose(layer.weight, first + 1)


def test_a_gradient_that_is_not_finite_changes_nothing():
    value = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([value], lr=0.1)
    for gradient, bad in ((float("nan"), 1), (1.0, 0)):
        before = value.detach().clone()
        value.grad = torch.full((2,), gradient)
        assert take_step(optimizer, [value], 1.0) == bad
        assert torch.equal(value.detach(), before) == bool(bad)


def test_the_rate_rises_and_falls():
    rates = [rate_at(part / 100) for part in range(101)]
    assert rates.index(max(rates)) == 6 and rates[-1] == pytest.approx(0.01)


def test_quantized_values_and_their_gradient():
    x = torch.tensor([-1.0, -0.3, 0.2, 0.9], requires_grad=True)
    y = quantized(x, 5)
    assert y.tolist() == [-1.0, -0.5, 0.0, 1.0]
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1]


def test_more_stages_leave_less():
    torch.manual_seed(0)
    codec = SplitCodec(64, stack=4, inner=16, stages=6, dimensions=16, levels=5)
    x = torch.randn(2, 21, 64)
    rest = [codec.down(torch.nn.functional.pad(codec.norm(x), (0, 0, 0, 3)).reshape(2, 6, -1))]
    for stage in codec.stages:
        rest.append(rest[-1] - stage(rest[-1])[0])
    sizes = [float(part.square().mean()) for part in rest]
    assert sizes[3] < 0.25 * sizes[0]
    out, values = codec(x, torch.zeros(1500, 64), torch.tensor([2, 6]))
    assert out.shape == x.shape and values.shape == (6, 2, 6, 16)
    assert codec.bits_per_second(2) == pytest.approx(12.5 * 2 * 16 * 2.321928)


def test_entropies_of_constant_and_random_values():
    constant = torch.ones(1, 1, 50, 1)
    random = (torch.randint(0, 5, (1, 4, 20000, 1)) - 2) / 2
    for values, bits in ((constant, 0.0), (random, 2.3219)):
        for found in entropies(values, 5):
            assert float(found) == pytest.approx(bits, abs=0.01)


def test_the_edge_without_a_codec_is_the_model():
    torch.manual_seed(0)
    model = Whisper(SIZE, [1, 3], 12).eval()
    edge = EdgeHalf(model, [1, 2], stages=3, inner=16, dimensions=4).eval()
    features = torch.randn(2, 80, 64)
    memory, exits = model.encode(features)
    for split in (1, 2):
        other, logits, values = edge(model, features, split, None)
        assert values is None and torch.allclose(other, memory, atol=1e-5) and torch.allclose(logits, exits[3], atol=1e-5)
    coded, _, values = edge(model, features, 1, torch.tensor([1, 3]))
    assert values.shape == (3, 2, 8, 4) and not torch.allclose(coded, memory)


def test_what_is_stored_comes_back(tmp_path):
    torch.manual_seed(0)
    model = Whisper(SIZE, [3], 12)
    public = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith("exits.")}
    for module in model.decoder.modules():
        if isinstance(module, Linear):
            module.add_low_rank(2)
            torch.nn.init.normal_(module.lowRankUp)
    with torch.no_grad():
        for value in model.encoder.parameters():
            value += 0.02 * torch.randn_like(value)
    tensors = {**store.changes(model.encoder, public, "encoder.", "encoder."), **store.changes(model.exits, public, "exits.", "exits."),
               **store.changes(model.decoder, public, "decoder.", "decoder.")}
    assert not any(name.endswith("embedding.weight") for name in tensors)
    files = store.write(tensors, tmp_path, "part", most=100_000)
    assert len(files) > 1 and all(path.stat().st_size < 120_000 for path in files)
    kept = store.read(tmp_path, "part")
    encoder = store.apply(kept, public, "encoder.", "encoder.")
    for name, value in model.encoder.state_dict().items():
        assert torch.allclose(encoder[name], value, atol=6e-4), name
    decoder = store.apply(kept, public, "decoder.", "decoder.")
    layer = model.decoder.layers[1].crossAttention.key
    merged = layer.weight + layer.lowRankUp @ layer.lowRankDown
    assert torch.allclose(decoder["layers.1.crossAttention.key.weight"], merged, atol=5e-3)


def test_what_is_packed_comes_out(tmp_path):
    content = {"a/b.bin": bytes(range(256)) * 40, "c": b"", "d.txt": b"\n{}\n"}
    count = pack.pack(list(content.items()), tmp_path / "parts", most=1000)
    assert count == len(list((tmp_path / "parts").iterdir())) > 5
    assert pack.unpack(tmp_path / "parts", tmp_path / "out") == 3
    assert {name: (tmp_path / "out" / name).read_bytes() for name in content} == content
    (tmp_path / "parts" / "part.03").unlink()
    with pytest.raises(ValueError):
        pack.unpack(tmp_path / "parts", tmp_path / "again")
    pack.pack([("../out", b"x")], tmp_path / "bad", most=1000)
    with pytest.raises(ValueError, match="outside"):
        pack.unpack(tmp_path / "bad", tmp_path / "again")


def test_only_train_and_dev_travel(tmp_path):
    (tmp_path / "m.tsv").write_text("path\tsplit\ttext\na.opus\ttrain\tA\nb.opus\ttest\tB\nc.opus\tdev\tC\n")
    names = [name for name, _ in pack.chosen(tmp_path / "m.tsv", {"train", "dev"}, "speech")]
    assert names == ["speech/manifest.tsv", "speech/a.opus", "speech/c.opus"]


def test_a_foreign_model_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(struct.pack("<IH", 6, 4) + b"Foo\0")
    with pytest.raises(ValueError, match="Whisper"):
        read_ctranslate2(tmp_path / "model.bin")


def test_texts():
    vocabulary = Vocabulary.characters()
    logits = torch.nn.functional.one_hot(torch.tensor([[1, 3, 3, 0, 3, 4]]), len(vocabulary)).float()
    assert ctc_text(logits, vocabulary) == [vocabulary.decode([1, 3, 3, 4])]
    assert clean(" Don't, stop!  7") == "DON'T STOP"


def test_decoding_with_kept_keys_is_decoding_anew():
    torch.manual_seed(1)
    model = Whisper(SIZE, [3], 12).eval()
    memory, _ = model.encode(torch.randn(3, 80, 64))
    allowed = torch.zeros(SIZE.tokens)
    allowed[50:] = -torch.inf
    found = decoder_tokens(model.decoder, memory, [1, 2], 3, 9, allowed)
    for row, ids in enumerate(found):
        tokens = [1, 2]
        for _ in range(9):
            best = int((model.decoder.logits(model.decoder(torch.tensor([tokens]), memory[row : row + 1])[:, -1]) + allowed).argmax())
            if best == 3:
                break
            tokens.append(best)
        assert ids == tokens[2:]


def test_validation_batches_hold_every_clip_once(cache):
    clips = Clips.load(cache, "train")
    made = batches(clips, numpy.arange(5), 8.0)
    assert sorted(clip for batch, _ in made for clip in batch) == list(range(5))
    for batch, window in made:
        assert window % STEP == 0 and window >= clips.samples[batch].max() + 8000


def test_four_bits_come_back_within_their_step(tmp_path):
    torch.manual_seed(0)
    for shape in ((6, 9), (4, 3, 5), (2, 64)):
        values = torch.randn(shape)
        codes, scale = publish.packed(values)
        assert codes.dtype == torch.uint8 and codes.shape == (shape[0], (values[0].numel() + 1) // 2)
        back = publish.unpacked(codes, scale, shape)
        assert (back - values).norm() < 0.25 * values.norm()
    exact = torch.tensor([[-7.0, 3, 7, 0]]) * 0.5
    assert torch.allclose(publish.unpacked(*publish.packed(exact), (1, 4)), exact)


def test_a_published_folder_vouches_for_its_files(tmp_path):
    from safetensors.torch import load_file

    tensors = {
        "encoder.a.weight.delta.int8": torch.tensor([[127, -127], [0, 64]], dtype=torch.int8), "encoder.a.weight.delta.scale": torch.tensor([0.1, 0.2]),
        "exits.1.output.weight": torch.tensor([[1.0, -2.0]]).half(), "exits.1.output.bias": torch.tensor([0.5]).half(),
        "decoder.b.lowRankUp": torch.ones(3, 2).half(),
    }
    (tmp_path / "model.bin").write_bytes(b"public")
    Vocabulary.characters().save(tmp_path / "vocabulary.json")
    publish.publish(tensors, tmp_path / "out", "n", "base", tmp_path / "model.bin", [1], 2, tmp_path / "vocabulary.json", None)
    manifest = json.loads((tmp_path / "out/adaptation.json").read_text())
    for entry in [*manifest["weights"], manifest["vocabulary"]]:
        assert publish.digest(tmp_path / "out" / entry["file"]) == entry["sha256"]
    kept = load_file(str(tmp_path / "out/adaptation.safetensors"))
    assert set(kept) == {
        "encoder.a.weight.delta.int4", "encoder.a.weight.delta.scale", "exits.1.output.weight.int8", "exits.1.output.weight.scale",
        "exits.1.output.bias", "decoder.b.lowRankUp.int4", "decoder.b.lowRankUp.scale"}
    delta = publish.unpacked(kept["encoder.a.weight.delta.int4"], kept["encoder.a.weight.delta.scale"], (2, 2))
    assert torch.allclose(delta, torch.tensor([[12.7, -12.7], [0, 12.8]]), atol=0.1)

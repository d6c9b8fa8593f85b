"""Masks and padding: nothing from the future and nothing from a neighbour in the batch."""

import copy

import pytest
import torch

from tandem_training.model import ModelSettings, Recogniser, subsampled

ATTENTION = {"type": "attention", "feedForward": 32, "kernel": 5, "heads": 2}
PERFORMER = {**ATTENTION, "type": "performer"}
CONVOLUTION = {"type": "convolution", "feedForward": 32, "kernel": 5}


def tiny(blocks=(CONVOLUTION, ATTENTION, PERFORMER, ATTENTION), second=(ATTENTION, PERFORMER)):
    torch.manual_seed(0)
    settings = ModelSettings(
        vocabulary=12,
        subsampling={"channels": 4},
        encoder={
            "dimension": 16, "chunkFrames": 4, "leftChunks": 1, "blocks": list(blocks),
            "exits": [{"afterBlock": 1, "head": "attention", "heads": 2}, {"afterBlock": len(blocks), "head": "linear"}],
        },
        secondEncoder={"dimension": 20, "blocks": list(second)},
        transducer={"context": 2, "embedding": 8, "joiner": 10},
    )
    return Recogniser(settings).eval()


def outputs(output, row, frames):
    return [
        tensor[row, :frames] for tensor in (*output.blocks, *output.exits, *output.second, output.second_logits)
    ]


@torch.no_grad()
def test_padding_in_the_batch_changes_nothing():
    model = tiny()
    features = torch.randn(2, 150, 80)
    alone = model(features[1:, :77], torch.tensor([77]))
    # What stands behind the end of the shorter utterance is garbage on purpose.
    together = model(features, torch.tensor([150, 77]))
    frames = int(subsampled(torch.tensor(77)))
    assert frames == alone.exits[0].shape[1] == 20
    for one, other in zip(outputs(alone, 0, frames), outputs(together, 1, frames)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_first_pass_does_not_see_beyond_its_chunk():
    model = tiny()
    features = torch.randn(1, 160, 80)
    changed = features.clone()
    changed[:, 4 * 11 + 1 :] += 1.0  # frame 11 is the last of the third chunk of four; it reads log-mel up to 44
    before, after = (model(version, torch.tensor([160])) for version in (features, changed))
    for one, other in zip(before.exits, after.exits):
        torch.testing.assert_close(one[:, :12], other[:, :12], rtol=1e-5, atol=1e-6)
        assert not torch.allclose(one[:, 12:16], other[:, 12:16])
    assert not torch.allclose(before.second_logits[:, :12], after.second_logits[:, :12])


@torch.no_grad()
def test_left_context_is_limited():
    attention = tiny(blocks=(CONVOLUTION, ATTENTION)).encoder.blocks[1].attention
    from tandem_training.model import Masks

    masks = Masks.causal(torch.tensor([20]), 20, 4, 1)
    x = torch.randn(1, 20, 16)
    changed = x.clone()
    changed[:, :4] = torch.randn(1, 4, 16)  # the first chunk: seen by the second, not by the third
    before, after = attention(x, masks.visible), attention(changed, masks.visible)
    assert not torch.allclose(before[:, 4:8], after[:, 4:8])
    torch.testing.assert_close(before[:, 8:], after[:, 8:], rtol=0, atol=0)


@torch.no_grad()
def test_performer_equals_its_recurrence():
    attention = tiny(blocks=(CONVOLUTION, PERFORMER)).encoder.blocks[1].attention
    from tandem_training.model import Masks

    x = torch.randn(1, 9, 16)
    whole = attention(x, Masks.causal(torch.tensor([9]), 9, 4, 1).past)
    normalised = attention.normalization(x[0])
    query, key, value = (layer(normalised).view(9, 2, 8) for layer in (attention.query, attention.key, attention.value))
    query, key = query.relu() + 1e-3, key.relu() + 1e-3
    state, total, rows = torch.zeros(2, 8, 8), torch.zeros(2, 8), []
    for t in range(9):
        state = state + key[t, :, :, None] * value[t, :, None, :]
        total = total + key[t]
        rows.append((torch.einsum("hi,hij->hj", query[t], state) / (query[t] * total).sum(-1, keepdim=True)).flatten())
    torch.testing.assert_close(whole[0], attention.output(torch.stack(rows)), rtol=1e-4, atol=1e-5)


def test_gradients_are_finite_with_much_padding():
    model = tiny().train()
    output = model(torch.randn(2, 200, 80), torch.tensor([200, 5]))
    (sum(logits.square().mean() for logits in output.exits) + output.second_logits.square().mean()).backward()
    for name, value in model.named_parameters():
        assert value.grad is None or torch.isfinite(value.grad).all(), name


@torch.no_grad()
def test_lattice_agrees_with_the_factorised_probabilities():
    model = tiny()
    encoded, targets = torch.randn(1, 3, 20), torch.tensor([[5, 7]])
    blank, labels = model.transducer.lattice(encoded, targets)
    for u, context in enumerate([[0, 0], [0, 5], [5, 7]]):
        every = model.transducer.log_probabilities(encoded[0], torch.tensor([context] * 3))
        torch.testing.assert_close(every.exp().sum(-1), torch.ones(3))
        torch.testing.assert_close(blank[0, :, u], every[:, 0])
        if u < 2:
            torch.testing.assert_close(labels[0, :, u], every[:, targets[0, u]])


@pytest.mark.parametrize("change", [{"blocks": [{**ATTENTION, "type": "mamba"}]}, {"exits": [{"afterBlock": 1, "head": "linear"}]}])
def test_impossible_settings_are_named(change):
    settings = copy.deepcopy(tiny().settings)
    encoder = {**settings.encoder, **change}
    with pytest.raises(ValueError, match="model: "):
        ModelSettings(12, settings.subsampling, encoder, settings.secondEncoder, settings.transducer)

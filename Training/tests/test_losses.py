"""The losses against definitions written out cell by cell."""

import math

import torch

from tandem_training.losses import ctc_losses, needed_frames, transducer_losses


def brute_force(blank, labels, length, count):
    """The recursion of arXiv 1211.3711, one cell at a time, for one utterance; differentiable."""
    alpha = {}
    for t in range(length):
        for u in range(count + 1):
            ways = []
            if t == 0 and u == 0:
                ways.append(torch.zeros((), dtype=torch.float64))
            if t > 0:
                ways.append(alpha[t - 1, u] + blank[t - 1, u])
            if u > 0:
                ways.append(alpha[t, u - 1] + labels[t, u - 1])
            alpha[t, u] = torch.logsumexp(torch.stack(ways), 0)
    return -(alpha[length - 1, count] + blank[length - 1, count])


def random_lattice(seed):
    torch.manual_seed(seed)
    lengths, counts = torch.tensor([7, 4, 1, 5]), torch.tensor([3, 4, 2, 0])
    logits = 3 * torch.randn(4, 7, 5, dtype=torch.float64)
    labels = (2 * torch.randn(4, 7, 4, dtype=torch.float64)).sub(2).clamp(max=0)
    return torch.nn.functional.logsigmoid(logits), labels, lengths, counts


def test_transducer_loss_and_gradient_match_brute_force():
    blank, labels, lengths, counts = random_lattice(1)
    weights = torch.tensor([1.0, 0.5, 2.0, 1.5])
    blank.requires_grad_()
    labels.requires_grad_()
    fast = transducer_losses(blank, labels, lengths, counts)
    (fast * weights).sum().backward()
    gradients = blank.grad.clone(), labels.grad.clone()
    blank.grad = labels.grad = None
    slow = torch.stack([brute_force(blank[b], labels[b], int(lengths[b]), int(counts[b])) for b in range(4)])
    (slow * weights).sum().backward()
    torch.testing.assert_close(fast.double(), slow, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradients[0], blank.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradients[1], labels.grad, rtol=1e-5, atol=1e-6)


def test_transducer_loss_ignores_padding():
    blank, labels, lengths, counts = random_lattice(2)
    loss = transducer_losses(blank, labels, lengths, counts)
    blank[1, 4:], labels[1, 4:], blank[0, :, 4:], labels[0, :, 3:] = -9.0, -9.0, -9.0, -9.0
    torch.testing.assert_close(loss[:2], transducer_losses(blank, labels, lengths, counts)[:2])


def test_transducer_loss_survives_sharp_scores():
    blank = torch.full((1, 300, 61), -40.0).requires_grad_()
    labels = torch.full((1, 300, 60), -30.0).requires_grad_()
    loss = transducer_losses(blank, labels, torch.tensor([300]), torch.tensor([60]))
    paths = math.lgamma(300 + 60) - math.lgamma(61) - math.lgamma(300)
    assert abs(float(loss.detach()) - (300 * 40 + 60 * 30 - paths)) < 0.5
    loss.backward()
    assert torch.isfinite(blank.grad).all() and abs(float(blank.grad.sum()) + 300) < 1e-2


def test_heads_have_their_own_ctc_losses():
    torch.manual_seed(3)
    logits, targets = torch.randn(2, 2, 9, 5), torch.tensor([[1, 2, 2], [3, 0, 0]])
    lengths, counts = torch.tensor([9, 4]), torch.tensor([3, 1])
    losses = ctc_losses(logits, lengths, targets, counts)
    for head in range(2):
        for row in range(2):
            one = torch.nn.functional.ctc_loss(
                logits[head, row, : lengths[row], None].log_softmax(-1), targets[row : row + 1, : counts[row]],
                lengths[row : row + 1], counts[row : row + 1], reduction="sum",
            )
            torch.testing.assert_close(losses[head, row], one)


def test_infeasible_items_have_no_loss():
    losses = ctc_losses(torch.randn(1, 1, 3, 5), torch.tensor([3]), torch.tensor([[2, 2, 1]]), torch.tensor([3]))
    assert float(losses) == 0.0


def test_needed_frames_counts_repeats():
    assert needed_frames([5, 5, 6]) == 4
    assert needed_frames([]) == 0

"""Losses: the sum of the exits' CTC losses (arXiv 2309.09546) and the HAT transducer loss (arXiv 2003.07705)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IMPOSSIBLE = -1e30


def needed_frames(tokens: list[int]) -> int:
    """Encoder frames that CTC needs for a token sequence: one a token and one between equal neighbours."""
    return len(tokens) + sum(left == right for left, right in zip(tokens, tokens[1:]))


def ctc_losses(logits: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """CTC loss of each utterance at each head: logits [H, B, T, V] → [H, B].

    targets [B, U] padded with anything. Infeasible items have loss 0 and no gradient; count them
    beforehand with `needed_frames`. The heads go through one call because its cost is mostly per call.
    """
    heads, batch = logits.shape[:2]
    log_probabilities = logits.float().flatten(0, 1).log_softmax(-1).transpose(0, 1)
    losses = functional.ctc_loss(
        log_probabilities, targets.repeat(heads, 1), lengths.repeat(heads), target_lengths.repeat(heads),
        reduction="none", zero_infinity=True,
    )
    return losses.view(heads, batch)


class _TransducerLoss(torch.autograd.Function):
    """Minus log P(labels) over all alignments of the transducer (Graves, arXiv 1211.3711), with exact gradients.

    blank [B, T, U+1], labels [B, T, U] are log-probabilities. Columns of the lattice are computed whole:
        alpha[t, u] = c[t] + logcumsumexp(alpha[:, u-1] + labels[:, u-1] - c)[t],   c[t] = sum of blank[:t, u]
    which unrolls alpha[t, u] = logaddexp(alpha[t-1, u] + blank[t-1, u], alpha[t, u-1] + labels[t, u-1]).
    It is a loop over U, several times shorter than T with sub-words, of vector operations, and runs wherever torch does:
    on a GPU, where each operation costs its launch, this is what a step's time depends on.
    """

    @staticmethod
    def forward(context, blank: Tensor, labels: Tensor, lengths: Tensor, target_lengths: Tensor) -> Tensor:
        batch, frames, states = blank.shape
        state = torch.arange(states, device=blank.device)
        inside = torch.arange(frames, device=blank.device)[None, :, None] < lengths[:, None, None]
        # Blanks behind an utterance's end must not count: 0 keeps the cumulative sums harmless there.
        blank, labels = blank.double().masked_fill(~inside, 0.0), labels.double()
        stays = blank.permute(2, 0, 1).contiguous()  # [U+1, B, T]: scans run over the last dimension
        moves = labels.permute(2, 0, 1).contiguous()
        before = functional.pad(stays.cumsum(-1), (1, 0))[..., :-1]  # blank[:t, u] summed
        alphas = [before[0]]
        for u in range(1, states):
            arriving = alphas[-1] + moves[u - 1] - before[u]
            alphas.append(before[u] + arriving.logcumsumexp(-1))
        alpha = torch.stack(alphas).permute(1, 2, 0)
        after = stays.flip(-1).cumsum(-1)  # blank[t:, u] summed, last frame first
        outside = ~inside[:, :, 0].flip(-1)
        ends = state[None, :] == target_lengths[:, None]
        beta_next = torch.full_like(before[0], IMPOSSIBLE)
        betas = []
        for u in range(states - 1, -1, -1):
            if u == states - 1:
                column = beta_next
            else:
                leaving = (moves[u].flip(-1) + beta_next).masked_fill(outside, IMPOSSIBLE)
                column = after[u] + (leaving - after[u]).logcumsumexp(-1)
            # The last label's column is left by blanks alone; columns behind it are never entered.
            beta_next = torch.where(ends[:, u, None], after[u], column)
            betas.append(beta_next)
        beta = torch.stack(betas[::-1]).flip(-1).permute(1, 2, 0)
        total = beta[:, 0, 0]
        # Where blank leads: the next frame's row, or the end of the lattice.
        following = torch.cat([beta[:, 1:], torch.full_like(beta[:, :1], IMPOSSIBLE)], dim=1)
        at_end = (torch.arange(frames, device=blank.device)[None, :] == lengths[:, None] - 1)[:, :, None] & ends[:, None, :]
        following = torch.where(at_end, torch.zeros_like(following), following)
        following = torch.where(
            (torch.arange(frames, device=blank.device)[None, :, None] == lengths[:, None, None] - 1) & ~at_end,
            IMPOSSIBLE, following,
        )
        through_blank = (alpha + blank + following - total[:, None, None]).exp()
        through_label = (alpha[:, :, :-1] + labels + beta[:, :, 1:] - total[:, None, None]).exp()
        valid_label = inside & (state[None, None, :-1] < target_lengths[:, None, None])
        context.save_for_backward(
            -through_blank.masked_fill(~inside, 0.0).float(), -through_label.masked_fill(~valid_label, 0.0).float()
        )
        return -total.float()

    @staticmethod
    def backward(context, gradient: Tensor):
        blank, labels = context.saved_tensors
        return gradient[:, None, None] * blank, gradient[:, None, None] * labels, None, None


def transducer_losses(
    blank: Tensor, labels: Tensor, lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """Transducer loss of each utterance, [B].

    blank [B, T, U+1]: log P(blank) with u labels out; labels [B, T, U]: log P(the next label is the
    right one); lengths, target_lengths [B].
    """
    return _TransducerLoss.apply(blank, labels, lengths, target_lengths)

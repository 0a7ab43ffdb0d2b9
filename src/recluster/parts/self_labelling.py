"""Self-labelling: a clustering learns its own confident answers (Van Gansbeke et al., SCAN, ECCV 2020).

What the model says of an image, if it is confident, becomes the label of a strong view of that image.
SeCu's supplement (Section 3.1) adds a warm-up, in which every image keeps the label that it had before.

Departures from SCAN and from the supplement, which says little more than that:

1. Rate and schedule are not printed. The rate lies between those of Section 3.1, 0.2 and 0.002, and
   falls along a cosine to zero.
2. The strong view is a milder crop, jitter and a cutout, where SCAN draws from 14 operations.
3. Confident images count alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from recluster import spec
from recluster.parts.batch_norm import paired
from recluster.parts.batches import Means, shuffled
from recluster.parts.rates import cosine
from recluster.parts.views import mild_view


@dataclass(frozen=True, kw_only=True)
class SelfLabelling(spec.Config):
    """Settings of a method that may end in this stage: Section 3.1 unless said otherwise."""

    self_labelling: bool = False  # Tables 1 to 3 are of the method before it
    self_labelling_epochs: int = 100
    self_labelling_warm_up: int = 10
    self_labelling_batch: int = 1024
    self_labelling_rate: float = 0.05  # not printed: departure 1
    confidence: float = 0.9

    def shortened(self) -> Self:
        """Two epochs, one of them of warm-up."""
        return replace(self, self_labelling_epochs=2, self_labelling_warm_up=1, self_labelling_batch=48)


def self_labelling_loss(logits: Tensor, labels: Tensor, confident: Tensor) -> Tensor:
    """Mean cross-entropy of a strong view over the confident (b,) of the batch; zero if none is."""
    each = cross_entropy(logits, labels, reduction="none") * confident
    return each.sum() / confident.sum().clamp_min(1)


def self_labelled(
    logits: Callable[[Tensor], Tensor],
    x: Tensor,
    labels: Tensor,
    config: SelfLabelling,
    descend: Callable[[Tensor, float], None],
    epoch: int,
) -> dict[str, Tensor]:
    """Train on images x (n, c, h, w) for an epoch, numbered from 0, and give its curves.

    `logits` takes images (b, c, h, w) to (b, k), `labels` (n,) are those of the warm-up, and `descend`
    takes one step down a loss at a rate.
    """
    means = Means()
    rate = config.self_labelling_rate * cosine(epoch / config.self_labelling_epochs)
    for rows in paired(shuffled(x, config.self_labelling_batch)):
        with torch.no_grad():
            confidence, answers = logits(x[rows]).softmax(1).max(1)
        confident = confidence > config.confidence
        if epoch < config.self_labelling_warm_up:
            answers, confident = labels[rows], torch.ones_like(confident)
        loss = self_labelling_loss(logits(mild_view(x[rows])), answers, confident)
        descend(loss, rate)
        means.add({"self-labelling": loss, "confident": confident.to(x.dtype).mean()}, len(rows))
    return means.take()

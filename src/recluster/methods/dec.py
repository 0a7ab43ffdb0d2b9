"""DEC: Unsupervised Deep Embedding for Clustering Analysis (Xie, Girshick, Farhadi, ICML 2016).

A pretrained encoder, its decoder thrown away, is drawn towards a sharpened copy of its own soft
assignment: Student's t to trained centroids, squared, and normalised by cluster size.

    ======  =========  ======  ===========================================
    symbol  name here  shape   meaning
    ======  =========  ======  ===========================================
    z       z          (b, d)  embedding
    mu      centroids  (k, d)  trained by gradient
    q       soft       (b, k)  soft assignment, Student's t, eq. (1)
    p       target     (n, k)  sharpened q, eq. (3)
    ======  =========  ======  ===========================================

Departures, from the paper and from its Keras port by an author of IDEC, whose settings most later
papers quote:

1. The divergence is averaged over a batch as in that port; eq. (2) sums it over all samples.
2. The target is refreshed every 140 steps on all data; the port takes 30 for sets other than MNIST and
   Fashion. Between refreshes it is constant, as in the port.
3. Batches are shuffled; the port goes through the data in stored order.
4. The autoencoder is pretrained as a whole and without noise, as every baseline's here; the paper
   stacks denoising autoencoders layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.parts import pretraining
from recluster.parts.assignment import sharpened, student_t
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.divergence import divergence
from recluster.parts.kmeans import kmeans
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, fraction, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of DEC; where the paper is silent, those of the Keras port."""

    method: ClassVar[str] = "dec"
    start: Start | None = field(default_factory=pretraining.Config)
    steps: int = 20_000  # at most; the port
    batch_size: int = 256
    learning_rate: float = 0.01
    momentum: float = 0.9  # the port
    refresh: int = 140  # steps between two targets; the port, on MNIST and Fashion
    tolerance: float = 0.001  # stop when fewer labels than this share change at a refresh

    def __post_init__(self) -> None:
        positive(self, "steps", "batch_size", "learning_rate", "refresh")
        fraction(self, "momentum", "tolerance")
        if not isinstance(self.start, Start):
            raise InputError(f"dec starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Nine steps from a shortened pretraining, with a new target after every fourth."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, steps=9, refresh=4, batch_size=32, tolerance=0.0)


class Model(nn.Module):
    """The encoder and its trained centroids (k, d)."""

    def __init__(self, encoder: nn.Module, centroids: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.centroids = nn.Parameter(centroids)

    def assign(self, x: Tensor) -> Tensor:
        """q (b, k) of x (b, ...), eq. (1)."""
        return student_t(self.encoder(x), self.centroids)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """DEC on x (n, ...), from the autoencoder's weights in `start`; yields once an epoch."""
    network = pretrained(config, x, start)
    encoder = network.encoder
    labels, centroids = kmeans(in_batches(encoder, x, encoder), k)
    model = Model(encoder, centroids)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=config.learning_rate, momentum=config.momentum, fused=True
    )
    means = Means()
    length = ceil(len(x) / config.batch_size)
    epochs = ceil(config.steps / length)
    target, converged = x.new_zeros(len(x), k), False

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        loss = divergence(target[rows], model.assign(x[rows]))  # eq. (2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()  # along eqs. (4) and (5)
        return {"clustering": loss}

    yield observed(model, network, 0, epochs, {})
    for epoch in resumable(range(1, epochs + 1), model, optimiser, labels, target):
        for step, rows in enumerate(shuffled(x, config.batch_size), (epoch - 1) * length):
            if step % config.refresh == 0:
                soft = in_batches(model.assign, x, model)
                target.copy_(sharpened(soft))  # eq. (3)
                before = labels.clone()
                changed = (labels.copy_(soft.argmax(1)) != before).float().mean()
                converged = step > 0 and changed.item() < config.tolerance
            if converged or step == config.steps:
                break
            means.add(learn(rows), len(rows))
        if means.count:
            yield observed(model, network, epoch, epochs, means.take())
        if converged:
            return


def observed(
    model: Model, network: Autoencoder, epoch: int, epochs: int, curves: Mapping[str, Tensor]
) -> Step:
    """The step that an epoch leaves; the decoder is not trained, so there are no exemplars."""
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model, "autoencoder": network},
        embed=lambda x: in_batches(model.encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
    )

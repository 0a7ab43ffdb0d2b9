"""Pretraining of ULHE-DC (its stage 1, Section 3.1): an autoencoder with embeddings of norm one.

Departures from the paper, and choices where it is silent:

1. Eq. (3) is divided by the number of features: a sum over them at the printed rate of 0.10 overflows
   within ten steps on MNIST.
2. The embedding is linear. Section 4.2 reads as if it were rectified: then no cosine is negative,
   centroids are orthogonal at best, and units die. `embedding="relu"` is that reading.
3. Gradients longer than `longest_gradient` are cut to it (not printed): the limit lies above what a
   sound run on small digits reaches.
4. Weights start as Glorot's, biases at zero, and the output is linear (not printed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets import autoencoder
from recluster.nets.autoencoder import Autoencoder
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.reconstruction import summed_error
from recluster.parts.resuming import resumable
from recluster.spec import InputError, Step, fraction, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of stage 1, as printed in Section 4.2 unless said otherwise."""

    method: ClassVar[str] = "ulhe-ae"
    embedding_size: int = 10  # d
    embedding: Literal["linear", "relu"] = "linear"  # see departure 2
    epochs: int = 1000
    batch_size: int = 256
    learning_rate: float = 0.10  # see departure 1
    momentum: float = 0.90
    longest_gradient: float = 1.0  # not printed, see departure 3

    def __post_init__(self) -> None:
        if self.start is not None:
            raise InputError(f"ulhe-ae starts from random weights, not from {self.start!r}")
        one_of("embedding", self.embedding, ("linear", "relu"))
        positive(self, "embedding_size", "epochs", "batch_size", "learning_rate", "longest_gradient")
        fraction(self, "momentum")

    def shortened(self) -> Self:
        """Two epochs."""
        return replace(self, epochs=2, batch_size=32)

    def autoencoder(self, shape: tuple[int, ...]) -> Autoencoder:
        """D-500-500-2000-d and its mirror, Section 4.2."""
        model = autoencoder("mlp", shape, self.embedding_size)
        if self.embedding == "relu":
            model.encoder = nn.Sequential(*model.encoder.children(), nn.ReLU())
        return model


def norm_loss(z: Tensor) -> Tensor:
    """Mean squared distance of the norms of z (b, d) from one, eq. (2)."""
    norms: Tensor = z.norm(dim=1)
    return (norms - 1).square().mean()


def descend(optimiser: torch.optim.SGD, loss: Tensor, longest_gradient: float) -> None:
    """One step down the loss, along a gradient that is cut to the longest."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], longest_gradient)
    optimiser.step()


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Line 2 of Algorithm 1 on x (n, ...); `k` is not used. Yields once an epoch."""
    model = config.autoencoder(tuple(x.shape[1:])).to(x.device)
    optimiser = torch.optim.SGD(model.parameters(), config.learning_rate, config.momentum, fused=True)
    means = Means()

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        z = model.encoder(batch)
        losses = {"reconstruction": summed_error(batch, model.decoder(z)), "norm": norm_loss(z)}
        loss = (losses["reconstruction"] + losses["norm"]) / x[0].numel()  # eqs. (1) to (3)
        descend(optimiser, loss, config.longest_gradient)
        return losses

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        for rows in shuffled(x, config.batch_size):
            means.add(learn(rows), len(rows))
        yield Step(
            phase="pretraining",
            epoch=epoch,
            epochs=config.epochs,
            curves=means.take(),
            modules={"autoencoder": model},
            embed=lambda x: in_batches(model.encoder, x, model),
        )

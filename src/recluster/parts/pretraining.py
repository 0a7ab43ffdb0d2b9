"""Autoencoder pretraining: the run from which the baselines start (Hinton and Salakhutdinov, 2006).

It minimises the squared error of the reconstruction and knows nothing of clusters. One such run for
each network, data set and seed is shared by every method that starts from it.

Departures:

1. The papers that quote this baseline give no training settings. Ours: Adam at 1e-3, batches of 256,
   300 epochs, the error summed over features; no layer-wise pretraining, no noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from torch import Tensor

from recluster import spec
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.autoencoder import Autoencoder
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.reconstruction import summed_error
from recluster.parts.resuming import resumable
from recluster.spec import Step, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of the pretraining; none is printed, see departure 1."""

    method: ClassVar[str] = "ae"
    network: str = "mlp"
    embedding_size: int = 10
    epochs: int = 300
    batch_size: int = 256
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        one_of("network", self.network, NETWORKS)
        positive(self, "embedding_size", "epochs", "batch_size", "learning_rate")

    def shortened(self) -> Self:
        """Two epochs."""
        return replace(self, epochs=2, batch_size=32)

    def autoencoder(self, shape: tuple[int, ...]) -> Autoencoder:
        """A fresh one for samples of this `shape`."""
        return autoencoder(self.network, shape, self.embedding_size)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Train an autoencoder on x (n, ...); `k` is not used. Yields once an epoch."""
    model = config.autoencoder(tuple(x.shape[1:])).to(x.device)
    optimiser = adam(model.parameters(), config.learning_rate)
    means = Means()

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        loss = summed_error(batch, model(batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"reconstruction": loss}

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

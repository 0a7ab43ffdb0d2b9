"""IDEC: Improved Deep Embedded Clustering with local structure preservation (Guo et al., IJCAI 2017).

A pretrained autoencoder keeps reconstructing while its embedding is drawn towards a sharpened copy of
its own soft assignment: Student's t to trained centroids, squared, and normalised by cluster size.

    ======  =========  ======  ===========================================
    symbol  name here  shape   meaning
    ======  =========  ======  ===========================================
    z       z          (b, d)  embedding
    mu      centroids  (k, d)  trained by gradient
    q       soft       (b, k)  soft assignment, Student's t
    p       target     (n, k)  sharpened q, constant between refreshes
    gamma   --         --      weight of KL(p || q)
    ======  =========  ======  ===========================================

Departures:

1. Reconstruction is averaged over features, as in the authors' code: gamma = 0.1 belongs to that scale.
2. Batches are shuffled; the authors' code goes through the data in stored order.
3. Adam at 1e-3 on all data (the authors: Adam on MNIST, SGD on USPS and Reuters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Self

from torch import Tensor, nn

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.parts import pretraining
from recluster.parts.assignment import sharpened, student_t
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.divergence import divergence
from recluster.parts.kmeans import kmeans
from recluster.parts.reconstruction import mean_error
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, fraction, not_negative, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of IDEC from its paper and the authors' code."""

    method: ClassVar[str] = "idec"
    start: Start | None = field(default_factory=pretraining.Config)
    steps: int = 20_000  # at most
    batch_size: int = 256
    learning_rate: float = 1e-3
    divergence_weight: float = 0.1  # gamma
    refresh: int = 140  # steps between two targets
    tolerance: float = 0.001  # stop when fewer labels than this share change at a refresh

    def __post_init__(self) -> None:
        positive(self, "steps", "batch_size", "learning_rate", "refresh")
        not_negative(self, "divergence_weight")
        fraction(self, "tolerance")
        if not isinstance(self.start, Start):
            raise InputError(f"idec starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Nine steps from a shortened pretraining, with a new target after every fourth."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, steps=9, refresh=4, batch_size=32, tolerance=0.0)


class Model(nn.Module):
    """The autoencoder and its trained centroids (k, d)."""

    def __init__(self, network: Autoencoder, centroids: Tensor) -> None:
        super().__init__()
        self.autoencoder = network
        self.centroids = nn.Parameter(centroids)

    def assign(self, x: Tensor) -> Tensor:
        """q (b, k) of x (b, ...)."""
        return student_t(self.autoencoder.encoder(x), self.centroids)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Algorithm 1 of the paper on x (n, ...), from the autoencoder's weights in `start`."""
    network = pretrained(config, x, start)
    labels, centroids = kmeans(in_batches(network.encoder, x, network), k)
    model = Model(network, centroids)
    optimiser = adam(model.parameters(), config.learning_rate)
    means = Means()
    length = ceil(len(x) / config.batch_size)
    epochs = ceil(config.steps / length)
    target, converged = x.new_zeros(len(x), k), False

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        z = network.encoder(batch)
        losses = {
            "reconstruction": mean_error(batch, network.decoder(z)),
            "clustering": divergence(target[rows], student_t(z, model.centroids)),
        }
        loss = losses["reconstruction"] + config.divergence_weight * losses["clustering"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return losses

    yield observed(model, 0, epochs, {})
    for epoch in resumable(range(1, epochs + 1), model, optimiser, labels, target):
        for step, rows in enumerate(shuffled(x, config.batch_size), (epoch - 1) * length):
            if step % config.refresh == 0:
                soft = in_batches(model.assign, x, model)
                target.copy_(sharpened(soft))
                before = labels.clone()
                changed = (labels.copy_(soft.argmax(1)) != before).float().mean()
                converged = step > 0 and changed.item() < config.tolerance
            if converged or step == config.steps:
                break
            means.add(learn(rows), len(rows))
        if means.count:
            yield observed(model, epoch, epochs, means.take())
        if converged:
            return


def observed(model: Model, epoch: int, epochs: int, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves."""
    network = model.autoencoder
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model, "autoencoder": model.autoencoder},
        embed=lambda x: in_batches(network.encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
        exemplars=lambda: in_batches(network.decoder, model.centroids.detach(), model),
    )

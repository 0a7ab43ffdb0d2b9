"""Fuzzy c-means (Bezdek, 1981) on the embedding of an autoencoder.

It is what the first phase of DCSS does to its centres where the embedding stands still: eqs. (2) and (3)
of that paper, again and again. With it one sees without any training, and without labels, whether these
two equations alone draw the centres together (`separation` in `recluster.parts.fuzzy`).

Choices:

1. The first centroids are those of k-means, as in DCSS.
2. Updates are counted, and do not stop where they change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from torch import Tensor

from recluster import spec
from recluster.parts import pretraining
from recluster.parts.batches import in_batches
from recluster.parts.fuzzy import Clusters, recentred, separation
from recluster.parts.kmeans import kmeans
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of fuzzy c-means; `start` is an autoencoder's pretraining."""

    method: ClassVar[str] = "cmeans"
    start: spec.Config | None = field(default_factory=pretraining.Config)
    fuzziness: float = 1.5  # m, as in DCSS
    updates: int = 100  # as many as DCSS's first phase has

    def __post_init__(self) -> None:
        positive(self, "fuzziness", "updates")
        if self.fuzziness <= 1:
            raise InputError(f"cmeans: fuzziness must be greater than 1, got {self.fuzziness}")
        if not isinstance(self.start, Start):
            raise InputError(f"cmeans starts from an autoencoder, not from {self.start!r}")

    def shortened(self) -> Self:
        """Three updates on a shortened pretraining."""
        return replace(self, updates=3, start=self.start.shortened() if self.start else None)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Fuzzy c-means on the embedding of x (n, ...) by the weights in `start`; a step an update."""
    network = pretrained(config, x, start)
    u = in_batches(network.encoder, x, network)
    model = Clusters(network, kmeans(u, k)[1], config.fuzziness)
    for update in resumable(range(1, config.updates + 1), model):
        model.centroids.copy_(recentred(u, model.centroids, config.fuzziness))
        yield Step(
            phase="clustering",
            epoch=update,
            epochs=config.updates,
            curves={"separation": separation(u, model.centroids)},
            modules={"model": model},
            embed=model.embed,
            assign=model.assign,
            exemplars=lambda: in_batches(network.decoder, model.centroids, model),
            views={"p": model.assign},
        )

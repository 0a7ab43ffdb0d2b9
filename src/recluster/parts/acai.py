"""Pretraining of DynAE (Section 4.1): ACAI (Berthelot et al., ICLR 2019) on augmented images.

An autoencoder reconstructs, and decodes mixtures of two embeddings so well that a critic cannot read
off them how much of each went in. Equations (6) and (7) are those of DynAE's paper, "Deep Clustering
with a Dynamic Autoencoder" (Mrabah et al., 2020). One such run serves DynAE and the methods that it is
compared with, DEC*, IDEC* and DC*.

    ========  ==============  ========  ==================================================
    symbol    name here       shape     meaning
    ========  ==============  ========  ==================================================
    x         batch           (b, ...)  samples after a random rotation and shift
    z         z               (b, d)    embedding f(x)
    x^        reconstruction  (b, ...)  g(z)
    alpha     alpha           (b,)      share of the first embedding in a mixture
    x^_alpha  mixture         (b, ...)  g(alpha f(x_1) + (1 - alpha) f(x_2))
    gamma     gamma           (b,)      share of x where x and x^ are blended
    lambda    --              --        weight of the deception
    ========  ==============  ========  ==================================================

Departures from the paper, and choices where it is silent:

1. The squared norms of eq. (6) are sums over features, as printed, and means over the batch. ACAI and
   DynAE's own code average over features, which gives the deception hundreds of times the weight: with
   a critic that learns, the autoencoder then keeps to the mean image of MNIST.
2. Alpha is drawn from [0, 1/2] for each sample, as ACAI has it (Section 5.1.3). Section 4.1 prints
   [0, 1], where alpha of one order of a pair is 1 - alpha of the other: the same mixture, two answers.
3. Gamma is drawn from [0, 1] as printed, but for each sample, not once an iteration.
4. The partner of a sample is its neighbour in the shuffled batch; a sample alone in its batch is mixed
   with itself.
5. The critic is not printed. Ours has the encoder's layers and averages their outputs.
6. Autoencoder and critic take their steps from the same mixtures; the order is not printed.
7. The ranges of the augmentation are not printed. Ours are those of DynAE's own code: 10 degrees and a
   tenth of the side either way. Samples that are no images are not augmented.
8. How weights start is not printed: Glorot's uniform, or `initialisation="fan-in"`, uniform within one
   over the root of a layer's inputs, as in DynAE's own code.
9. With `deception_weight=0` there is no critic, and nothing is mixed: the autoencoder never hears of
   them. It is then a plain autoencoder of augmented samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.autoencoder import Autoencoder, fan_in
from recluster.nets.critic import Critic
from recluster.parts.augmentation import augmented
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.reconstruction import summed_error
from recluster.parts.resuming import resumable
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of the pretraining, as printed in Section 5.1.3 unless said otherwise."""

    method: ClassVar[str] = "acai"
    network: str = "mlp"
    embedding_size: int = 10
    steps: int = 130_000
    batch_size: int = 256
    learning_rate: float = 1e-4  # of autoencoder and critic
    deception_weight: float = (
        0.5  # lambda, eq. (6): "as described in [49]", ACAI; 0 is a plain autoencoder
    )
    rotation: float = 10.0  # degrees either way: not printed, see departure 7
    shift: float = 0.1  # of height and width either way: not printed, see departure 7
    initialisation: Literal["glorot", "fan-in"] = "glorot"  # not printed, see departure 8

    def __post_init__(self) -> None:
        if self.start is not None:
            raise InputError(f"acai starts from random weights, not from {self.start!r}")
        one_of("network", self.network, NETWORKS)
        one_of("initialisation", self.initialisation, ("glorot", "fan-in"))
        positive(self, "embedding_size", "steps", "batch_size", "learning_rate")
        fraction(self, "shift")
        not_negative(self, "deception_weight", "rotation")

    def shortened(self) -> Self:
        """Five steps."""
        return replace(self, steps=5, batch_size=32)

    def autoencoder(self, shape: tuple[int, ...]) -> Autoencoder:
        """A fresh one for samples of this `shape`."""
        model = autoencoder(self.network, shape, self.embedding_size)
        return model.apply(fan_in) if self.initialisation == "fan-in" else model


def mixed(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """`share` (b,) of one (b, ...) and the rest of the other: the mixtures of Section 4.1, eq. (7)."""
    share = share.view(-1, *[1] * (one.dim() - 1))
    return share * one + (1 - share) * other


def deception(believed: Tensor) -> Tensor:
    """Second term of eq. (6): the critic's answers (b,) to mixtures, which should be 0."""
    return believed.square().mean()


def critic_error(believed: Tensor, alpha: Tensor, unmixed: Tensor) -> Tensor:
    """Eq. (7): the answers (b,) to mixtures should be alpha (b,), those to unmixed samples (b,) 0."""
    return (believed - alpha).square().mean() + unmixed.square().mean()


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Train an autoencoder and its critic on x (n, ...); `k` is not used. Yields once an epoch."""
    shape = tuple(x.shape[1:])
    model = config.autoencoder(shape).to(x.device)
    modules: dict[str, nn.Module] = {"autoencoder": model}
    if config.deception_weight:
        modules["critic"] = Critic(config.autoencoder(shape).encoder).to(x.device)
    optimisers = [adam(one.parameters(), config.learning_rate) for one in modules.values()]
    means = Means()
    length = ceil(len(x) / config.batch_size)
    epochs = ceil(config.steps / length)

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = augmented(x[rows], config.rotation, config.shift)
        for optimiser in optimisers:
            optimiser.zero_grad()
        if config.deception_weight:
            losses = adversarial(model, modules["critic"], batch, config.deception_weight)
        else:
            losses = {"reconstruction": summed_error(batch, model(batch))}
            losses["reconstruction"].backward()
        for optimiser in optimisers:
            optimiser.step()
        return losses

    for epoch in resumable(range(1, epochs + 1), *modules.values(), *optimisers):
        for rows in shuffled(x, config.batch_size)[: config.steps - (epoch - 1) * length]:
            means.add(learn(rows), len(rows))
        yield Step(
            phase="pretraining",
            epoch=epoch,
            epochs=epochs,
            curves=means.take(),
            modules=modules,
            embed=lambda x: in_batches(model.encoder, x, model),
        )


def adversarial(
    model: Autoencoder, critic: nn.Module, batch: Tensor, deception_weight: float
) -> dict[str, Tensor]:
    """Slopes of eq. (6) for the autoencoder and of eq. (7) for the critic, on a batch x (b, ...)."""
    alpha, gamma = torch.rand(2, len(batch), device=batch.device)
    alpha = alpha / 2  # departure 2
    z = model.encoder(batch)
    reconstruction = model.decoder(z)
    believed = critic(model.decoder(mixed(z, z.roll(1, 0), alpha)))
    unmixed = critic(mixed(batch, reconstruction.detach(), gamma))
    losses = {
        "reconstruction": summed_error(batch, reconstruction),
        "deception": deception(believed),
        "critic": critic_error(believed, alpha, unmixed),
    }
    loss = losses["reconstruction"] + deception_weight * losses["deception"]  # eq. (6)
    loss.backward(inputs=list(model.parameters()), retain_graph=True)  # the critic does not learn of it
    losses["critic"].backward(inputs=list(critic.parameters()))
    return losses

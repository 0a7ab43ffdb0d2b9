"""VaDE: Variational Deep Embedding (Jiang, Zheng, Tan, Tang, Zhou, IJCAI 2017).

A variational autoencoder whose prior is a mixture of k Gaussians, trained with the network: a cluster
draws an embedding, the embedding a sample. The clusters of a sample are the mixture's responsibilities
for its embedding.

    ==========  =============  ======  =================================================
    symbol      name here      shape   meaning
    ==========  =============  ======  =================================================
    mu~         mean           (b, d)  mean of q(z | x), from the encoder
    log s~^2    log_variance   (b, d)  its log-variance, from the encoder
    z           z              (b, d)  a draw from q(z | x)
    pi          log_shares     (k,)    the mixture's weights, here as logarithms
    mu          means          (k, d)  the mixture's means
    log s^2     log_variances  (k, d)  the mixture's log-variances, diagonal
    --          log_noise      ()      log-variance of p(x | z), if Gaussian
    gamma       soft           (b, k)  q(c | x) = p(c | z), the responsibilities
    ==========  =============  ======  =================================================

Departures, from the paper and its official code:

1. It starts from the autoencoder that all baselines share: the encoder's last layer gives mu~, the
   decoder stays, and a new layer beside the encoder's last gives log s~^2. Its weights start at zero,
   and its biases where s~^2 is a tenth of the mixture's s^2: variances of one, on embeddings that spread
   less, drown what the autoencoder has learnt. The official code loads weights that it ships.
2. The likelihood is Gaussian by default, which fits any data. Its variance is one trained number that
   starts at the autoencoder's mean squared error; the official code adds the squared error with a fixed
   weight, on HAR five times as much, and a fixed weight that is small for the data empties all clusters
   but one. For images in [0, 1] `likelihood="bernoulli"` is the official code's choice for MNIST; the
   decoder's output y then gives the logits 8 (y - 1/2), near 0 and 1 a probability near y, so that the
   start is about as good as the autoencoder.
3. The mixture starts from the best of 20 EM runs on the embedding, on all data (the official code takes
   k-means instead on Reuters).
4. pi is a softmax and s^2 an exponential of what is trained, so that they stay a mixture. All
   log-variances are held within 10 of zero.
5. 300 epochs, 80 of them after the learning rate has met its floor, by the schedule for MNIST. The
   official code has 3,000 on MNIST, 120 on HAR and 15 on Reuters.
6. Labels and embeddings are asked of mu~, not of a draw: asking twice gives one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import log, pi
from typing import ClassVar, Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.parts import pretraining
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.kmeans import RESTARTS
from recluster.parts.reconstruction import summed_error
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, fraction, one_of, positive

LIKELIHOODS = ("gaussian", "bernoulli")
SLOPE = 8  # of the Bernoulli logits, departure 2
BOUND = 10.0  # of the log-variances, departure 4

Mixture = tuple[Tensor, Tensor, Tensor]  # log pi (k,), mu and log s^2 (k, d)


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of VaDE, the official code's for MNIST unless said otherwise."""

    method: ClassVar[str] = "vade"
    start: Start | None = field(default_factory=pretraining.Config)
    epochs: int = 300  # departure 5
    batch_size: int = 100
    learning_rate: float = 0.002
    decay: float = 0.9  # of the learning rate
    decay_epochs: int = 10  # between two decays
    least_learning_rate: float = 2e-4
    stability: float = 1e-4  # Adam's epsilon
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"  # departure 2

    def __post_init__(self) -> None:
        positive(self, "epochs", "batch_size", "learning_rate", "decay_epochs")
        positive(self, "least_learning_rate", "stability")
        fraction(self, "decay")
        one_of("likelihood", self.likelihood, LIKELIHOODS)
        if not isinstance(self.start, Start):
            raise InputError(f"vade starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Two epochs from a shortened pretraining, the second at a lower rate."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, epochs=2, batch_size=32, decay_epochs=1)

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, from 1."""
        rate = self.learning_rate * self.decay ** ((epoch - 1) // self.decay_epochs)
        return max(rate, self.least_learning_rate)


def bounded(log_variance: Tensor) -> Tensor:
    """The log-variance held within `BOUND` of zero."""
    return log_variance.clamp(-BOUND, BOUND)


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """z (b, d) of q(z | x): the mean plus the deviation times standard noise."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def log_responsibilities(z: Tensor, log_shares: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """Log gamma (b, k): Bayes' rule on log pi (k,) and the diagonal Gaussians' densities at z (b, d)."""
    squares = (z[:, None] - means).square() / log_variances.exp()
    densities = -(log(2 * pi) + log_variances + squares).sum(2) / 2
    return torch.log_softmax(log_shares + densities, dim=1)


def divergence(posterior: tuple[Tensor, Tensor], prior: Mixture, log_soft: Tensor) -> Tensor:
    """Mean over samples of KL(q(z, c | x) || p(z, c)): what the ELBO takes from the likelihood.

    `posterior` holds mu~ and log s~^2 (b, d), and `log_soft` is log gamma (b, k).
    """
    mean, log_variance = posterior
    log_shares, means, log_variances = prior
    spread = log_variance.exp()[:, None] + (mean[:, None] - means).square()
    cross = (log_variances + spread / log_variances.exp()).sum(2) / 2  # of q(z | x) to each Gaussian
    clusters = (log_soft.exp() * (cross + log_soft - log_shares)).sum(1)
    return (clusters - (1 + log_variance).sum(1) / 2).mean()


class Model(nn.Module):
    """The autoencoder with a second output for log-variances, and the mixture."""

    def __init__(self, network: Autoencoder, mixture: Mixture, noise: Tensor) -> None:
        super().__init__()
        encoder = cast(nn.Sequential, network.encoder)
        self.features = encoder[:-1]
        self.mean = cast(nn.Linear, encoder[-1])
        self.log_variance = nn.Linear(self.mean.in_features, self.mean.out_features)
        nn.init.zeros_(self.log_variance.weight)
        shares, variances = mixture[0].exp(), mixture[2].exp()
        self.log_variance.bias = nn.Parameter(bounded((shares @ variances / 10).log()))
        self.decoder = network.decoder
        self.logits, self.means, self.log_variances = (nn.Parameter(one) for one in mixture)
        self.log_noise = nn.Parameter(bounded(noise.log()))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mu~ and log s~^2 (b, d) of x (b, ...)."""
        features = self.features(x)
        return self.mean(features), bounded(self.log_variance(features))

    def prior(self) -> Mixture:
        """The mixture, held within its bounds."""
        return torch.log_softmax(self.logits, dim=0), self.means, bounded(self.log_variances)

    def noise(self) -> Tensor:
        """The log-variance of p(x | z)."""
        return bounded(self.log_noise)

    def embed(self, x: Tensor) -> Tensor:
        """Mu~ (b, d) of x (b, ...)."""
        return self.posterior(x)[0]

    def assign(self, x: Tensor) -> Tensor:
        """Gamma (b, k) at mu~ of x (b, ...)."""
        return log_responsibilities(self.embed(x), *self.prior()).exp()


def mixture(z: Tensor, k: int) -> Mixture:
    """The diagonal mixture that EM fits to z (n, d)."""
    from sklearn.mixture import GaussianMixture

    seed = int(torch.randint(2**31, ()).item())
    model = GaussianMixture(k, covariance_type="diag", n_init=RESTARTS, max_iter=1000, random_state=seed)
    model.fit(z.double().cpu().numpy())
    shares, means, variances = (
        torch.as_tensor(one, dtype=z.dtype, device=z.device)
        for one in (model.weights_, model.means_, model.covariances_)
    )
    tiny = torch.finfo(z.dtype).tiny
    return shares.clamp_min(tiny).log(), means, bounded(variances.log())


def gaussian(x: Tensor, y: Tensor, log_noise: Tensor) -> Tensor:
    """Mean over samples of -log N(x; y, noise) of x (b, ...) and the decoder's output y."""
    constant = x[0].numel() * (log(2 * pi) + log_noise) / 2
    return constant + summed_error(x, y) / (2 * log_noise.exp())


def bernoulli(x: Tensor, y: Tensor) -> Tensor:
    """Mean over samples of the cross-entropy of x (b, ...) in [0, 1] and the decoder's output y."""
    entropies = binary_cross_entropy_with_logits(logits(y), x, reduction="none")
    return entropies.flatten(1).sum(1).mean()


def logits(y: Tensor) -> Tensor:
    """The Bernoulli likelihood's logits of a decoder's output y, departure 2."""
    return SLOPE * (y - 0.5)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Maximise the ELBO on x (n, ...), from the autoencoder's weights in `start`."""
    binary = config.likelihood == "bernoulli"
    if binary and (x.min() < 0 or x.max() > 1):
        raise InputError('vade: data outside [0, 1]; scale them or take likelihood="gaussian"')
    network = pretrained(config, x, start)
    z = in_batches(network.encoder, x, network)
    noise = in_batches(network.decoder, z, network).sub_(x).square_().mean()  # in place: all of the data
    model = Model(network, mixture(z, k), noise).to(x.device)
    optimiser = adam(model.parameters(), config.learning_rate, config.stability)
    means = Means()

    @captured
    def learn(rows: Tensor, *, rate: float) -> dict[str, Tensor]:
        batch = x[rows]
        posterior, prior = model.posterior(batch), model.prior()
        z = drawn(*posterior)
        y = model.decoder(z)
        losses = {
            "reconstruction": bernoulli(batch, y) if binary else gaussian(batch, y, model.noise()),
            "divergence": divergence(posterior, prior, log_responsibilities(z, *prior)),
        }
        loss = losses["reconstruction"] + losses["divergence"]  # the ELBO's negative
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return losses

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        for rows in shuffled(x, config.batch_size):
            means.add(learn(rows, rate=config.rate(epoch)), len(rows))
        yield observed(model, epoch, means.take(), config)


def observed(model: Model, epoch: int, curves: Mapping[str, Tensor], config: Config) -> Step:
    """The step that an epoch leaves."""

    def shown(z: Tensor) -> Tensor:
        y: Tensor = model.decoder(z)
        return logits(y).sigmoid() if config.likelihood == "bernoulli" else y

    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=config.epochs,
        curves=curves,
        modules={"model": model},
        embed=lambda x: in_batches(model.embed, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
        exemplars=lambda: in_batches(shown, model.means.detach(), model),
    )

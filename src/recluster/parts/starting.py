"""Where a method begins that does not start cold: with the autoencoder of another run."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from recluster.nets.autoencoder import Autoencoder
from recluster.parts import acai, normed, pretraining
from recluster.spec import Config, InputError

Start = acai.Config | normed.Config | pretraining.Config
CENTROIDS = "centroids"  # by this name a run hands on its clusters' centres (k, d) with the weights


def pretrained(config: Config, x: Tensor, weights: Mapping[str, Tensor] | None) -> Autoencoder:
    """The autoencoder of `config.start` for samples x (n, ...), with its weights, beside x.

    Raises:
        InputError: the config starts from no autoencoder, or there are no weights.
    """
    start = config.start
    if not isinstance(start, Start) or weights is None:
        raise InputError(f"{config.method} starts from an autoencoder's weights, and none were given")
    network = start.autoencoder(tuple(x.shape[1:]))
    network.load_state_dict({name: value for name, value in weights.items() if name != CENTROIDS})
    return network.to(x.device)


def representation(
    config: Config, x: Tensor, weights: Mapping[str, Tensor] | None
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of `config.start`; without a start, the data as rows and back."""
    if config.start is None:
        return nn.Flatten(), nn.Unflatten(1, tuple(x.shape[1:]))
    network = pretrained(config, x, weights)
    return network.encoder, network.decoder

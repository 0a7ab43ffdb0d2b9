"""Networks, never trained here: they are built, initialised, and handed to a method."""

from collections.abc import Sequence

from recluster.nets.autoencoder import Autoencoder
from recluster.nets.conv import convolutional
from recluster.nets.dcss_conv import bottlenecked
from recluster.nets.mlp import perceptron
from recluster.spec import one_of

NETWORKS = {"mlp": perceptron, "conv": convolutional, "dcss-conv": bottlenecked}


def autoencoder(network: str, shape: Sequence[int], embedding_size: int) -> Autoencoder:
    """A fresh autoencoder of the named `network` for samples of this `shape`, without batch."""
    one_of("network", network, NETWORKS)
    return NETWORKS[network](tuple(shape), embedding_size)

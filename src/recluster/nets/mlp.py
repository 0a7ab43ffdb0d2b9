"""The fully connected autoencoder of DEC (Xie et al., 2016), which most of the papers share."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from recluster.nets.autoencoder import Autoencoder

WIDTHS = (500, 500, 2000)


def perceptron(shape: Sequence[int], embedding_size: int, widths: Sequence[int] = WIDTHS) -> Autoencoder:
    """D-500-500-2000-d and its mirror: ReLU inside, linear embedding and output."""
    sizes = [prod(shape), *widths, embedding_size]
    encoder = nn.Sequential(nn.Flatten(), *layers(sizes))
    decoder = nn.Sequential(*layers(sizes[::-1]), nn.Unflatten(1, tuple(shape)))
    return Autoencoder(encoder, decoder)


def layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Linear layers of these sizes with ReLU between them, none after the last."""
    chain: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        chain += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return chain[:-1]

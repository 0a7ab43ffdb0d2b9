"""MNet, the network that DCSS sets upon an encoder (Section 5)."""

from torch import nn

from recluster.nets.autoencoder import glorot


def mnet(embedding_size: int, k: int, hidden: int) -> nn.Sequential:
    """d-128-128-128-k with batch normalisation and ReLU inside: z (b, d) to probabilities q (b, k)."""
    chain: list[nn.Module] = []
    for inputs in (embedding_size, hidden, hidden):
        chain += [nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU()]
    return nn.Sequential(*chain, nn.Linear(hidden, k), nn.Softmax(dim=1)).apply(glorot)

"""The convolutional autoencoder of PC-X (App. A.7), which it takes for Fashion and YTF."""

from collections.abc import Sequence
from math import ceil, prod

from torch import nn

from recluster.nets.autoencoder import Autoencoder
from recluster.nets.mlp import layers
from recluster.spec import InputError

HIDDEN = 256


def convolutional(shape: Sequence[int], embedding_size: int) -> Autoencoder:
    """conv(16,3,1,1)-(32,3,2,1)-(32,3,1,1)-(16,3,2,1)-256-d and its mirror, for c x h x w images.

    Batch normalisation and ReLU follow every convolution except the decoder's last, which is the
    output; the embedding is linear.
    """
    if len(shape) != 3:
        raise InputError(
            f"a convolutional network needs images (channels, height, width), got samples of shape "
            f'{tuple(shape)}; reshape them or take network="mlp"'
        )
    channels, *full = shape
    half = [ceil(side / 2) for side in full]
    quarter = [ceil(side / 2) for side in half]
    code = (16, *quarter)
    encoder = nn.Sequential(
        *normalised(nn.Conv2d(channels, 16, 3, padding=1), 16),
        *normalised(nn.Conv2d(16, 32, 3, stride=2, padding=1), 32),
        *normalised(nn.Conv2d(32, 32, 3, padding=1), 32),
        *normalised(nn.Conv2d(32, 16, 3, stride=2, padding=1), 16),
        nn.Flatten(),
        *layers([prod(code), HIDDEN, embedding_size]),
    )
    decoder = nn.Sequential(
        *layers([embedding_size, HIDDEN, prod(code)]),
        nn.ReLU(),
        nn.Unflatten(1, code),
        *normalised(doubling(16, 32, quarter, half), 32),
        *normalised(nn.Conv2d(32, 32, 3, padding=1), 32),
        *normalised(doubling(32, 16, half, full), 16),
        nn.Conv2d(16, channels, 3, padding=1),
    )
    return Autoencoder(encoder, decoder)


def normalised(convolution: nn.Module, channels: int) -> list[nn.Module]:
    """A convolution with batch normalisation and ReLU."""
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


def doubling(inputs: int, outputs: int, small: list[int], large: list[int]) -> nn.ConvTranspose2d:
    """The transposed convolution that takes `small` height and width back to `large`."""
    extra = (large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1))
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=extra)

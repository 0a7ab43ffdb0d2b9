"""The asymmetric convolutional autoencoder of DCSS (Section 5, Figure 12), for its grey images.

The encoder has residual bottleneck blocks, the decoder has none.

Departures:

1. The sizes p1 to f2 are printed for images of 28 and of 16 pixels a side. Those for 8 are ours: they
   follow the 16-pixel column but for p1 = 3 and s2 = 1, and serve the small digits.
2. Widths, the code's 128 channels and the inner 64 of a block are in a figure that our copy of the
   paper lacks, and are those of the authors' code.
3. All weights start as Glorot has it; the authors' code leaves transposed convolutions at PyTorch's
   default.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from recluster.nets.autoencoder import Autoencoder
from recluster.nets.conv import normalised
from recluster.spec import InputError

INNER = 64  # width inside a bottleneck


class Sizes(NamedTuple):
    """Padding, stride and kernel sizes of Figure 12, in the order in which Section 6 prints them."""

    p1: int
    s1: int
    p2: int
    s2: int
    p3: int
    s3: int
    f1: int
    f2: int


SIZES = {
    28: Sizes(2, 2, 1, 2, 2, 2, 5, 4),
    16: Sizes(1, 1, 2, 2, 0, 1, 4, 5),
    8: Sizes(3, 1, 2, 1, 0, 1, 4, 5),
}


class Bottleneck(nn.Module):
    """A residual block (b, c, h, w) to the same: convolutions of 1, 3 and 1, He et al. (2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *normalised(nn.Conv2d(channels, INNER, 1, bias=False), INNER),
            *normalised(nn.Conv2d(INNER, INNER, 3, padding=1, bias=False), INNER),
            nn.Conv2d(INNER, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """What the block adds to x, and ReLU."""
        added: Tensor = self.residual(x) + x
        return added.relu()


def bottlenecked(shape: Sequence[int], embedding_size: int) -> Autoencoder:
    """The autoencoder of Figure 12 for c x n x n images, n one of `SIZES`; the embedding is linear."""
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in SIZES:
        sides = ", ".join(map(str, SIZES))
        raise InputError(
            f"the network of DCSS needs images (channels, n, n) with n one of {sides}, got samples of "
            f'shape {tuple(shape)}; resize them or take network="mlp", or "conv" for other images'
        )
    channels, side, _ = shape
    size = SIZES[side]
    first = (side + 2 * size.p1 - 5) // size.s1 + 1
    second = (first - 1) // 2 + 1
    code = (128, (second - 3) // 2 + 1, (second - 3) // 2 + 1)
    flat = code[0] * code[1] * code[2]
    encoder = nn.Sequential(
        *normalised(nn.Conv2d(channels, 32, 5, size.s1, size.p1, bias=False), 32),
        Bottleneck(32),
        *(nn.Conv2d(32, 64, 5, 2, 2), nn.ReLU(), Bottleneck(64)),
        *(nn.Conv2d(64, 128, 3, 2), nn.ReLU(), Bottleneck(128)),
        nn.Flatten(),
        nn.Linear(flat, embedding_size),
    )
    decoder = nn.Sequential(
        *(nn.Linear(embedding_size, flat), nn.ReLU(), nn.Unflatten(1, code)),
        *(nn.ConvTranspose2d(128, 64, 3, 2), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, size.f1, size.s2, size.p2), nn.ReLU()),
        nn.ConvTranspose2d(32, channels, size.f2, size.s3, size.p3),
    )
    return Autoencoder(encoder, decoder)

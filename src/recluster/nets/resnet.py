"""ResNet-18 as it is built for small images (He et al., 2016): the encoder of SeCu.

The first convolution keeps the resolution and no pooling follows it, so that a 32 x 32 image still
has 4 x 4 positions before the mean. Large images, as STL-10's of 96 x 96, are halved once before.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from recluster.nets import NETWORKS, autoencoder
from recluster.spec import InputError

ENCODERS = ("resnet", *NETWORKS)
STAGES = 4
LARGE = 64  # pixels a side, from which on the stem halves the image


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: (b, i, h, w) to (b, o, h / stride, w / stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if (inputs, stride) != (outputs, 1):
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways, rectified."""
        total: Tensor = self.residual(x) + self.shortcut(x)
        return total.relu()


def resnet18(shape: Sequence[int], features: int = 512) -> nn.Sequential:
    """Images (b, c, h, w) to (b, features); fewer `features` make every stage narrower."""
    if len(shape) != 3:
        raise InputError(
            f"a residual network needs images (channels, height, width), got samples of shape "
            f'{tuple(shape)}; reshape them or take network="mlp"'
        )
    if features % 2 ** (STAGES - 1):
        raise InputError(f"features of a residual network must be a multiple of 8, got {features}")
    channels, *sides = shape
    width = features // 2 ** (STAGES - 1)
    stem: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    stem += [nn.BatchNorm2d(width), nn.ReLU()]
    if min(sides) >= LARGE:
        stem.append(nn.MaxPool2d(2, padding=1))
    widths = [width, *(width * 2**stage for stage in range(STAGES))]
    stages: list[nn.Module] = []
    for stage, (inputs, outputs) in enumerate(pairwise(widths)):
        stages += [Block(inputs, outputs, 2 if stage else 1), Block(outputs, outputs, 1)]
    network = nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return network.apply(initialise)


def encoder(network: str, shape: Sequence[int], features: int) -> nn.Module:
    """Samples (b, *shape) to (b, features): a ResNet-18, or the encoder of a named autoencoder."""
    if network == "resnet":
        return resnet18(shape, features)
    return autoencoder(network, shape, features).encoder


def initialise(module: nn.Module) -> None:
    """Normal weights that keep the variance of what flows back (He et al., 2015)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

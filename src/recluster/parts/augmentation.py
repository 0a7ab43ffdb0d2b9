"""Small random rotations and shifts of images, a whole batch at once on the device it lies on."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

IMAGE = 4  # axes of a batch of images: sample, channel, row, column


def augmented(x: Tensor, rotation: float, shift: float) -> Tensor:
    """Images (n, c, h, w), each turned and shifted at random; anything else comes back as it is.

    Angles are uniform within `rotation` degrees either way, shifts within `shift` of height and width.
    """
    if x.dim() != IMAGE or rotation == shift == 0:
        return x
    angle, down, right = 2 * torch.rand(3, len(x), device=x.device, dtype=x.dtype) - 1
    return moved(x, rotation * angle, shift * torch.stack([down, right], dim=1))


def moved(x: Tensor, angles: Tensor, shifts: Tensor) -> Tensor:
    """Images (n, c, h, w) sampled at places turned by `angles` (n,) and moved by `shifts` (n, 2).

    Angles are degrees about the centre, anticlockwise; shifts are shares of height and width. Between
    pixels the value is interpolated, beyond the edge it is the edge's.
    """
    height, width = x.shape[2:]
    radians = torch.deg2rad(angles)
    cosine, sine = radians.cos(), radians.sin()
    # The grid's coordinates run from -1 to 1 along both sides, so that turning must know their ratio.
    along_row = torch.stack([cosine, sine * width / height], dim=1)[..., None] * centres(width, x)
    along_column = torch.stack([-sine * height / width, cosine], dim=1)[..., None] * centres(height, x)
    along_column = along_column + 2 * shifts.flip(1)[..., None]
    places = along_row[:, :, None] + along_column[..., None]  # (n, 2, h, w): right and down
    places = places.permute(0, 2, 3, 1)
    return grid_sample(x, places, padding_mode="border", align_corners=False)


def centres(side: int, x: Tensor) -> Tensor:
    """Where the centres of `side` pixels lie between -1 and 1, as (side,) beside x."""
    return torch.arange(1 - side, side, 2, device=x.device, dtype=x.dtype) / side

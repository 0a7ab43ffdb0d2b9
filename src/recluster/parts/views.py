"""Random views of images, made for a whole batch at once on the device where it lies.

Images are x (b, c, h, w) in [0, 1], and every image draws for itself. Cropping, flipping and blurring
are linear in the rows and in the columns, so each is a pair of matrices: rows (b, h, h) from the
left, columns (b, w, w) from the right.

Departures from what such views are elsewhere:

1. Crops do not end at whole pixels, and one that is too long for the image is cut, not drawn again.
2. The parts of the colour jitter follow one another in a fixed order, and hue is turned around the
   axis of greys instead of in HSV: one matrix for each image.
3. Images without three channels are cropped only: colours they do not have, a mirrored digit is no
   digit, and a blur of the printed width leaves nothing of an 8 x 8 image.
"""

from math import log, pi, sqrt

import torch
from torch import Tensor

from recluster.parts.ranks import rand
from recluster.spec import InputError

ASPECT = 4 / 3  # the most by which a crop is longer than wide, or wider than long
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.4, 0.4, 0.2, 0.1
JITTERED, GREYED, MIRRORED = 0.8, 0.2, 0.5  # shares of the images
SIGMA = (0.1, 2.0)  # standard deviation of a blur, in pixels
GREY = (0.299, 0.587, 0.114)  # luminance of red, green and blue (ITU-R BT.601)
MILD_CROP = 0.6  # smallest area of a crop in a mild view
CUTOUT = 0.5  # longest side of a cutout, as a share of the image's


def images_only(x: Tensor) -> None:
    """Raise `InputError` unless x is (n, c, h, w)."""
    if x.dim() != 4:
        raise InputError(
            f"a random view needs images (channels, height, width), got samples of shape "
            f"{tuple(x.shape[1:])}; reshape them, or take a method without views"
        )


def two_views(x: Tensor, smallest_crop: float) -> tuple[Tensor, Tensor]:
    """Two strong views: the first is always blurred, the second seldom, and at times solarised."""
    first = coloured_view(x, smallest_crop, blurred=1.0, solarised=0.0)
    second = coloured_view(x, smallest_crop, blurred=0.1, solarised=0.2)
    return first, second


def mild_view(x: Tensor) -> Tensor:
    """A larger crop, colour jitter, and a square that is cut out."""
    return cut_out(coloured_view(x, MILD_CROP, blurred=0.0, solarised=0.0))


def coloured_view(x: Tensor, smallest_crop: float, *, blurred: float, solarised: float) -> Tensor:
    """Crop and resize, then for colour images: jitter, greyscale, blur, solarise and flip."""
    x = cropped(x, smallest_crop)
    if x.shape[1] != 3:
        return x
    x = torch.where(chosen(x, JITTERED), jittered(x), x)
    x = torch.where(chosen(x, GREYED), luminance(x), x)
    if blurred:
        x = torch.where(chosen(x, blurred), smoothed(x), x)
    if solarised:
        x = torch.where(chosen(x, solarised) & (x >= 0.5), 1 - x, x)
    return torch.where(chosen(x, MIRRORED), x.flip(3), x)


def uniform(x: Tensor, low: float, high: float) -> Tensor:
    """A number in [low, high] for each image of x, as (b, 1, 1, 1)."""
    return low + (high - low) * rand(x).view(-1, 1, 1, 1)


def chosen(x: Tensor, share: float) -> Tensor:
    """True with probability `share` for each image of x, as (b, 1, 1, 1)."""
    return uniform(x, 0, 1) < share


def resampled(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Each image as rows @ image @ columns^T, with rows (b, h, h) and columns (b, w, w)."""
    return rows[:, None] @ x @ columns[:, None].mT


def cropped(x: Tensor, smallest: float) -> Tensor:
    """A random part of each image, `smallest` to all of its area, resized to the whole image."""
    area = uniform(x, smallest, 1.0)
    aspect = uniform(x, -log(ASPECT), log(ASPECT)).exp()
    height, width = (area / aspect).sqrt().clamp_max(1), (area * aspect).sqrt().clamp_max(1)
    top, left = uniform(x, 0, 1) * (1 - height), uniform(x, 0, 1) * (1 - width)
    rows = linear_weights(top.view(-1, 1), height.view(-1, 1), x.shape[2])
    return resampled(x, rows, linear_weights(left.view(-1, 1), width.view(-1, 1), x.shape[3]))


def linear_weights(begin: Tensor, length: Tensor, size: int) -> Tensor:
    """Linear interpolation (b, size, size) of the section from `begin` (b, 1), in shares of the side."""
    pixels = torch.arange(size, device=begin.device, dtype=begin.dtype)
    sources = size * begin + (pixels + 0.5) * length - 0.5  # between pixel centres
    sources = sources.clamp(0, size - 1)
    return (1 - (sources[:, :, None] - pixels).abs()).clamp_min(0)


def smoothed(x: Tensor) -> Tensor:
    """A Gaussian blur of random width for each image; at the borders its weights are renormalised."""
    sigma = uniform(x, *SIGMA).view(-1, 1, 1)
    rows, columns = (gaussian_weights(sigma, size) for size in x.shape[2:])
    return resampled(x, rows, columns)


def gaussian_weights(sigma: Tensor, size: int) -> Tensor:
    """Normalised Gaussian weights (b, size, size) for sigma (b, 1, 1) in pixels."""
    pixels = torch.arange(size, device=sigma.device, dtype=sigma.dtype)
    apart = pixels[:, None] - pixels
    return torch.softmax(-apart.square() / (2 * sigma.square()), dim=2)


def luminance(x: Tensor) -> Tensor:
    """Colour images x (b, 3, h, w) in greys, as three equal channels."""
    red, green, blue = x.split(1, dim=1)
    grey: Tensor = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    return grey.expand_as(x)


def jittered(x: Tensor) -> Tensor:
    """Random brightness, contrast, saturation and hue of colour images x (b, 3, h, w)."""
    x = (x * uniform(x, 1 - BRIGHTNESS, 1 + BRIGHTNESS)).clamp(0, 1)
    mean = luminance(x).mean((1, 2, 3), keepdim=True)
    x = (mean + (x - mean) * uniform(x, 1 - CONTRAST, 1 + CONTRAST)).clamp(0, 1)
    grey = luminance(x)
    x = (grey + (x - grey) * uniform(x, 1 - SATURATION, 1 + SATURATION)).clamp(0, 1)
    return hue_turned(x, uniform(x, -HUE, HUE)).clamp(0, 1)


def hue_turned(x: Tensor, turns: Tensor) -> Tensor:
    """Colours of x (b, 3, h, w) rotated around the axis of greys by `turns` (b, 1, 1, 1)."""
    angle = 2 * pi * turns
    mean = x.mean(1, keepdim=True)
    across = (x.roll(1, 1) - x.roll(-1, 1)) / sqrt(3)  # the axis' cross product with x
    return mean + (x - mean) * angle.cos() + across * angle.sin()


def cut_out(x: Tensor) -> Tensor:
    """Each image with a square of random size and place set to zero."""
    height, width = x.shape[2:]
    side = uniform(x, 0, CUTOUT) * min(height, width)
    rows = torch.arange(height, device=x.device, dtype=x.dtype).view(1, 1, -1, 1)
    columns = torch.arange(width, device=x.device, dtype=x.dtype).view(1, 1, 1, -1)
    down, across = rows - uniform(x, 0, height), columns - uniform(x, 0, width)
    inside = (down.abs() < side / 2) & (across.abs() < side / 2)
    return x.masked_fill(inside, 0)

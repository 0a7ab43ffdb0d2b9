"""How a learning rate goes through a run: as a share of its height, which the caller knows."""

from math import cos, pi


def cosine(progress: float) -> float:
    """Half a cosine, from one at the `progress` 0 to zero at 1."""
    return (1 + cos(pi * progress)) / 2


def warmed(epoch: float, rest: int, warm_up: int, epochs: int) -> float:
    """Zero for `rest` epochs, a line up to one over the next `warm_up`, a cosine to zero at `epochs`.

    `epoch` is counted from zero and has a fraction: the share of its batches that are done.
    """
    warmth = (epoch - rest) / warm_up
    if warmth < 1:
        return max(warmth, 0.0)
    begin = rest + warm_up
    return cosine((epoch - begin) / (epochs - begin))

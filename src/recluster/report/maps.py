"""Maps of samples in two dimensions, alike on every processor.

Processors sum in different order, and t-SNE blows up a last digit until the map is another one. So
points are first moved onto a grid, far too fine to be seen, on which squared distances are exact in
whatever order they are summed. The start is rounded, and the steps from there are arithmetic of single
numbers, which every processor rounds alike.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.manifold import TSNE

GRID = (
    20  # bits of a coordinate: of up to 2,048 of them, a squared distance fits the 53 bits of a double
)
START = 1e-4  # spread of the map that t-SNE begins with, as in scikit-learn
Points = NDArray[np.float64]


def tsne(points: ArrayLike, steps: int) -> Points:
    """Places (n, 2) of points (n, d): t-SNE from their principal components."""
    points = on_grid(points)
    return _tsne(points.tobytes(), points.shape[1], steps)


@cache
def _tsne(content: bytes, width: int, steps: int) -> Points:
    points = np.frombuffer(content).reshape(-1, width)
    start, _ = principal(points)
    start = (START * np.round(start / start[:, 0].std(), 6)).astype(np.float32)
    placed = TSNE(init=start, perplexity=30, max_iter=steps, random_state=0).fit_transform(points)
    return np.asarray(placed, np.float64)


def on_grid(points: ArrayLike) -> Points:
    """Points at the nearest multiples of a power of two, about a millionth of the largest coordinate."""
    exact = np.asarray(points, np.float64)
    unit = 2.0 ** (np.frexp(np.abs(exact).max())[1] - GRID)
    return np.ascontiguousarray(np.rint(exact / unit) * unit)


def principal(points: ArrayLike) -> tuple[Points, float]:
    """The first two principal components (n, 2) of points (n, d), and their share of the variance.

    An axis has two directions; here each axis's largest element is positive.
    """
    exact = np.asarray(points, np.float64)
    centred = exact - exact.mean(0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1)
    placed: Points = centred @ (axes * np.sign(largest))[:2].T
    return placed, float(np.square(values[:2]).sum() / np.square(values).sum())

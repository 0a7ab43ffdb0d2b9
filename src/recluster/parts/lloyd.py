"""k-means on the device that holds the data: all restarts at once, as matrix products.

Lloyd's iteration from greedy k-means++ starts, with the rules of scikit-learn's (a cluster that lost all
members goes to the sample farthest from its centroid; the end comes when no label changes, or when the
centroids move less than a share of the data's variance), so that both reach the same inertia.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import one_hot

ITERATIONS = 300
TOLERANCE = 1e-4  # of the squared movement of all centroids, in units of the mean variance
ENTRIES = 2**22  # of what is computed at a time of some rows: 17 MB in single precision


def lloyd(z: Tensor, k: int, restarts: int) -> tuple[Tensor, Tensor]:
    """Labels (n,) and centroids (k, d) of the best of several restarts on z (n, d).

    Seeded from torch's global stream.
    """
    enough = TOLERANCE * z.var(0, correction=0).mean()
    centroids = plus_plus(z, k, restarts)
    labels, nearest = assigned(z, centroids)
    for _ in range(ITERATIONS):
        moved = means(z, labels, nearest, centroids)
        shift = (moved - centroids).square().sum((1, 2))
        centroids, before = moved, labels
        labels, nearest = assigned(z, centroids)
        if bool((((labels == before).all(0)) | (shift <= enough)).all()):
            break
    best = nearest.sum(0).argmin()
    return labels[:, best], centroids[best]


def plus_plus(z: Tensor, k: int, restarts: int) -> Tensor:
    """Centroids (restarts, k, d) drawn from z (n, d) far apart: greedy k-means++.

    Each is the best of a few candidates, drawn with probability proportional to the squared distance to
    the nearest centroid so far.
    """
    candidates = 2 + int(math.log(k))
    chosen = [torch.randint(len(z), (restarts,), device=z.device)]
    nearest = distances(z, z[chosen[0]])  # (n, restarts)
    for _ in range(1, k):
        # Where all samples lie on centroids, any sample will do.
        weight = nearest + (nearest.sum(0) == 0)
        drawn = torch.multinomial(weight.T, candidates, replacement=True)  # (restarts, candidates)
        tried = distances(z, z[drawn.flatten()]).unflatten(1, drawn.shape)
        tried = torch.minimum(tried, nearest[:, :, None])
        best = tried.sum(0).argmin(1)
        chosen.append(drawn.gather(1, best[:, None])[:, 0])
        nearest = tried.gather(2, best.expand(len(z), -1)[:, :, None])[:, :, 0]
    return z[torch.stack(chosen, 1)]


def distances(z: Tensor, points: Tensor) -> Tensor:
    """Squared distances (n, m) of z (n, d) to points (m, d)."""
    origin = points.mean(0)  # far from it, distances from products lose digits
    points = points - origin
    return torch.cat([_products(rows - origin, points) for rows in split(z, len(points))])


def _products(z: Tensor, points: Tensor) -> Tensor:
    squares: Tensor = torch.einsum("nd,nd->n", z, z)[:, None] + points.square().sum(1)
    return squares.addmm_(z, points.T, alpha=-2).clamp_(min=0)


def split(z: Tensor, m: int) -> tuple[Tensor, ...]:
    """Rows of z (n, d), so many at a time that copies of them and m numbers for each take little."""
    parts: tuple[Tensor, ...] = z.split(max(1, ENTRIES // (z.shape[1] + m)))
    return parts


def assigned(z: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Of z (n, d) in each restart: the nearest of centroids (r, k, d), and how far, (n, r)."""
    restarts, k, _ = centroids.shape
    found = [
        distances(rows, centroids.flatten(0, 1)).unflatten(1, (restarts, k)).min(2)
        for rows in split(z, restarts * k)
    ]
    return torch.cat([one.indices for one in found]), torch.cat([one.values for one in found])


def means(z: Tensor, labels: Tensor, nearest: Tensor, centroids: Tensor) -> Tensor:
    """The members' means (r, k, d) of z (n, d) under labels (n, r).

    A cluster without members gets the sample that is farthest from its own centroid by `nearest` (n, r).
    """
    restarts, k, d = centroids.shape
    origin = centroids.mean((0, 1))  # sums of numbers far from it lose digits
    sums, counts = z.new_zeros(restarts * k, d), z.new_zeros(restarts * k)
    parts = split(z, restarts * k)
    for rows, own in zip(parts, labels.split(len(parts[0])), strict=True):
        members = one_hot(own, k).to(z.dtype).flatten(1)  # products, not scattered sums: they repeat
        sums += members.T @ (rows - origin)
        counts += members.sum(0)
    found = origin + (sums / counts.clamp(min=1)[:, None]).unflatten(0, (restarts, k))
    empty = (counts == 0).unflatten(0, (restarts, k))
    farthest = nearest.topk(min(k, len(z)), dim=0).indices.T  # (r, k)
    turn = (empty.cumsum(1) - 1).clamp(min=0)  # the first empty cluster gets the farthest, and so on
    return torch.where(empty[:, :, None], z[farthest.gather(1, turn)], found)

"""Distances to centroids, and the assignments that the papers make of them."""

from torch import Tensor


def squared_distances(z: Tensor, centroids: Tensor) -> Tensor:
    """Squared Euclidean distances of z (n, d) to centroids (k, d), as (n, k), never negative.

    Expanded as |z|^2 - 2 z.c + |c|^2, so that no (n, k, d) array is made; around the centroids' mean,
    since far from the origin the squares would cancel.
    """
    centre = centroids.mean(0)
    z, centroids = z - centre, centroids - centre
    cross = z @ centroids.T
    norms = z.square().sum(1, keepdim=True) + centroids.square().sum(1)
    return (norms - 2 * cross).clamp_min(0)


def student_t(z: Tensor, centroids: Tensor) -> Tensor:
    """Soft assignment q (n, k) by Student's t with one degree of freedom (DEC, eq. 1)."""
    q = 1 / (1 + squared_distances(z, centroids))
    return q / q.sum(1, keepdim=True)


def sharpened(q: Tensor) -> Tensor:
    """The target p (n, k): q squared over the clusters' sizes, rows normalised (DEC, eq. 3)."""
    weight = q.square() / q.sum(0)
    return weight / weight.sum(1, keepdim=True)

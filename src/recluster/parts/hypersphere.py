"""Directions instead of points: unit vectors, their energy, and k-means by cosine."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from recluster.parts.kmeans import RESTARTS

ITERATIONS = 300
CLOSEST = 1e-4  # no two points count as nearer than this, in 1 - cosine: the energy has a pole at 0


def unit(vectors: Tensor) -> Tensor:
    """Vectors (n, d) over their norms; zero, which has no direction, stays zero and gets no slope."""
    norms = vectors.norm(dim=1, keepdim=True)
    return torch.where(norms > 0, vectors / torch.where(norms > 0, norms, 1), 0)


def gathered(u: Tensor, labels: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Sums (k, d) of u (n, d) over each cluster of the labels (n,), and the clusters' sizes (k,)."""
    members = one_hot(labels, k).to(u.dtype)
    return members.T @ u, members.sum(0)


def most_similar(u: Tensor, centroids: Tensor) -> Tensor:
    """Labels (n,) of u (n, d): the centroid (k, d) of largest cosine, all of them unit vectors."""
    return (u @ centroids.T).argmax(1)


def redirected(centroids: Tensor, vectors: Tensor) -> Tensor:
    """The directions of the vectors (k, d); where there is none, the centroid (k, d) stays."""
    return torch.where(vectors.norm(dim=1, keepdim=True) > 0, unit(vectors), centroids)


def energy(points: Tensor, present: Tensor) -> Tensor:
    """Hyperspherical energy of unit vectors p (k, d): sum over pairs of 1 / |p_i - p_j|^2 (Liu, 2018).

    Only pairs of points that are `present` (k,) count.
    """
    gaps = 1 - points @ points.T
    pairs = (present[:, None] & present).triu(1)
    return torch.where(pairs, 0.5 / gaps.clamp_min(CLOSEST), 0).sum()


def spherical_kmeans(u: Tensor, k: int, restarts: int = RESTARTS) -> tuple[Tensor, Tensor]:
    """Labels (n,) and unit centroids (k, d) of unit vectors u (n, d): the best of several restarts."""
    runs = [lloyd(u, scattered(u, k)) for _ in range(restarts)]
    return max(runs, key=lambda run: (u * run[1][run[0]]).sum().item())


def scattered(u: Tensor, k: int) -> Tensor:
    """k rows of u, drawn as k-means++ draws them: half the squared distance is 1 - cosine."""
    rows = torch.randint(len(u), (1,), device=u.device)
    gaps = torch.full((len(u),), torch.inf, dtype=u.dtype, device=u.device)
    for _ in range(k - 1):
        gaps = torch.minimum(gaps, 1 - u @ u[rows[-1]]).clamp_min(0)
        odds = gaps + torch.finfo(u.dtype).eps  # all samples may be the same
        rows = torch.cat([rows, torch.multinomial(odds, 1)])
    return u[rows]


def lloyd(u: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """Assign and redirect in turn until no label changes; an empty cluster keeps its centroid."""
    labels = most_similar(u, centroids)
    for _ in range(ITERATIONS):
        before = labels
        centroids = redirected(centroids, gathered(u, labels, len(centroids))[0])
        labels = most_similar(u, centroids)
        if torch.equal(labels, before):
            break
    return labels, centroids

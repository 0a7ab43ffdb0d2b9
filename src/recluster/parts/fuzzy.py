"""Fuzzy c-means (Bezdek, 1981): memberships in clusters, and the centroids that they make.

Eqs. (2) and (3) of DCSS, with departures 1 and 2 of its first phase, `recluster.parts.centring`.
"""

import torch
from torch import Tensor, nn

from recluster.nets.autoencoder import Autoencoder
from recluster.parts.assignment import squared_distances
from recluster.parts.batches import in_batches


def log_memberships(u: Tensor, centroids: Tensor, fuzziness: float) -> Tensor:
    """Logarithm of p (b, k), eq. (2), of u (b, d) in the centroids (k, d).

    The distances are those of differences: the cheaper expansion is wrong near zero, where p is steep.
    """
    squared = (u[:, None] - centroids).square().sum(2)
    tiny = torch.finfo(u.dtype).tiny
    return torch.log_softmax(-squared.clamp_min(tiny).log() / (fuzziness - 1), dim=1)


def memberships(u: Tensor, centroids: Tensor, fuzziness: float) -> Tensor:
    """Memberships p (b, k), eq. (2); no gradient passes through them."""
    return log_memberships(u.detach(), centroids, fuzziness).exp()


def weighted_means(u: Tensor, log_p: Tensor, fuzziness: float) -> Tensor:
    """Centroids (k, d) of eq. (3): means of u (n, d) weighted by p^m, given log p (n, k).

    The weights are a softmax over the samples, so that a centroid far from all has a mean too.
    """
    return torch.softmax(fuzziness * log_p, dim=0).T @ u


def recentred(u: Tensor, centroids: Tensor, fuzziness: float) -> Tensor:
    """The centroids (k, d) after one step of eqs. (2) and (3) over all of u (n, d)."""
    log_p = in_batches(lambda rows: log_memberships(rows, centroids, fuzziness), u)
    return weighted_means(u, log_p, fuzziness)


def separation(u: Tensor, centroids: Tensor) -> Tensor:
    """How far apart the centroids (k, d) lie for the clusters of u (n, d), a number without unit.

    The distance between the two nearest centroids, over the root mean square of that from a sample to
    its nearest one. Not in the paper: our sign of centres that draw together. Finite even where every
    sample is a centroid, and 0 where all is one point.
    """
    nearest = in_batches(lambda rows: squared_distances(rows, centroids).amin(1), u)
    least, radius, limits = torch.pdist(centroids).min(), nearest.mean().sqrt(), torch.finfo(u.dtype)
    return least / radius.clamp_min(limits.eps * least + limits.tiny)


class Clusters(nn.Module):
    """Fuzzy clusters in an autoencoder's embedding: the network, and the centroids (k, d)."""

    centroids: Tensor

    def __init__(self, network: Autoencoder, centroids: Tensor, fuzziness: float) -> None:
        super().__init__()
        self.autoencoder, self.fuzziness = network, fuzziness
        self.register_buffer("centroids", centroids)

    def memberships(self, u: Tensor) -> Tensor:
        """Fuzzy memberships p (b, k) of u (b, d), eq. (2)."""
        return memberships(u, self.centroids, self.fuzziness)

    def embed(self, x: Tensor) -> Tensor:
        """u (n, d) of all x (n, ...)."""
        return in_batches(self.autoencoder.encoder, x, self)

    def assign(self, x: Tensor) -> Tensor:
        """p (n, k) of all x (n, ...)."""
        return in_batches(self.memberships, self.embed(x), self)

    def update(self, x: Tensor) -> None:
        """Move the centroids by eq. (3), over all x (n, ...)."""
        self.centroids.copy_(recentred(self.embed(x), self.centroids, self.fuzziness))

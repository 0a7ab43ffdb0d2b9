"""Fuzzy c-means (Bezdek, 1981): memberships in clusters, and the centroids that they make.

Eqs. (2) and (3) of DCSS, with departures 1 and 2 of its page.
"""

import torch
from torch import Tensor

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

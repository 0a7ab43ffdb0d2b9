"""k-means: Lloyd from k-means++ starts, the best of several restarts.

scikit-learn's on the CPU, and on a GPU one that does not leave it.
"""

import torch
from torch import Tensor

from recluster.parts.lloyd import lloyd

RESTARTS = 20


def kmeans(z: Tensor, k: int, restarts: int = RESTARTS) -> tuple[Tensor, Tensor]:
    """Labels (n,) and centroids (k, d) of z (n, d); seeded from torch's global stream."""
    if z.is_cuda:
        return lloyd(z.detach(), k, restarts)
    from sklearn.cluster import KMeans  # here: it takes as long to load as torch

    seed = int(torch.randint(2**31, ()).item())
    model = KMeans(k, n_init=restarts, random_state=seed).fit(z.detach().numpy())
    labels = torch.as_tensor(model.labels_, dtype=torch.int64)
    return labels, torch.as_tensor(model.cluster_centers_, dtype=z.dtype)

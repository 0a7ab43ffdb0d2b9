"""k-means, scikit-learn's: Lloyd from k-means++ starts, the best of several restarts."""

import torch
from sklearn.cluster import KMeans
from torch import Tensor

RESTARTS = 20


def kmeans(z: Tensor, k: int, restarts: int = RESTARTS) -> tuple[Tensor, Tensor]:
    """Labels (n,) and centroids (k, d) of z (n, d); seeded from torch's global stream."""
    seed = int(torch.randint(2**31, ()).item())
    model = KMeans(k, n_init=restarts, random_state=seed).fit(z.detach().cpu().numpy())
    labels = torch.as_tensor(model.labels_, dtype=torch.int64, device=z.device)
    centroids = torch.as_tensor(model.cluster_centers_, dtype=z.dtype, device=z.device)
    return labels, centroids

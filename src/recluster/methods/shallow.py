"""The clusterings without a network: mixture, spectral, agglomerative, NMF, kernel k-means, FINCH.

They run on the data themselves or, with `start`, on an autoencoder's embedding. FINCH comes from its
authors' package, the others from scikit-learn. k-means has a page of its own.

- "gmm": a mixture of Gaussians fitted by EM (Dempster, Laird, Rubin, 1977).
- "spectral": k-means on the first eigenvectors of a graph of neighbours (Ng, Jordan, Weiss, 2001).
- "agglomerative": a tree of merged clusters, cut at k (Ward, 1963).
- "nmf": x = w h without negative numbers; a sample's cluster is its largest w (Xu, Liu, Gong, 2003).
- "rbf": k-means in the feature space of a Gaussian kernel (Schölkopf, Smola, Müller, 1998).
- "finch": samples joined to their nearest, then means to theirs (Sarfraz, Sharma, Stiefelhagen, 2019).

Departures, which here are choices, since the papers that quote these baselines give no settings:

1. New samples: the mixture, NMF and kernel k-means give them an answer of their own, spectral and
   agglomerative clustering and FINCH do not. They get the cluster of the nearest sample of those
   clustered; the nearest mean would contradict the clustering on the very samples that it was made of.
2. The mixture's covariances are diagonal, and the best of 20 EM runs counts: on pixels a full matrix has
   more entries than a cluster has samples.
3. The graph joins each sample to its ten nearest, itself included, and may fall into separate parts.
4. Agglomerative clustering takes Ward's criterion on the full distance matrix: memory grows with n^2, to
   20 GB for 70,000 samples.
5. NMF starts from singular vectors. Its parts h are scaled to length one before a sample's w is found,
   which makes the w comparable. Negative data are refused.
6. The kernel of "rbf" is approximated by 500 samples drawn at random (Williams and Seeger, 2001): the
   full one has n^2 entries, for which DynAE had no memory on 70,000 samples. Its width follows the
   median heuristic: gamma is one over the median squared distance among as many, where they differ.
7. FINCH compares every pair, by cosine, its package's default (DynAE left its baselines at theirs,
   Section 5.1.3). More than 20,000 samples are refused; DynAE had no memory for 70,000 here either.
8. Towards k clusters FINCH joins the two of closest means, pair by pair, from its coarsest partition of
   k or more. The steps are made here: the package joins two pairs at once where distances are equal, and
   may end below k. If the first partition has fewer than k, as with few samples, the others stay empty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from recluster import spec
from recluster.parts.assignment import squared_distances
from recluster.parts.batches import in_batches
from recluster.parts.kmeans import RESTARTS
from recluster.parts.starting import Start, representation
from recluster.spec import InputError, Step, one_of, positive

NEIGHBOURS = 10
ITERATIONS = 2000  # at most, of EM and NMF: far more than they take
DRAWN = 500  # samples that the kernel is made of, departure 6
LARGEST = 20_000  # samples for FINCH, departure 7

Rule = Callable[[Tensor], Tensor]
"""The clusters' probabilities (b, k) of z (b, d)."""


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Which clustering; `start` is an autoencoder's pretraining, or None for the raw data."""

    method: ClassVar[str] = "shallow"
    algorithm: Literal["gmm", "spectral", "agglomerative", "nmf", "rbf", "finch"] = "gmm"
    restarts: int = RESTARTS  # of EM, and of the k-means inside spectral clustering and in "rbf"

    def __post_init__(self) -> None:
        one_of("algorithm", self.algorithm, ALGORITHMS)
        positive(self, "restarts")
        if not isinstance(self.start, Start | None):
            raise InputError(f"shallow can start from an autoencoder, not from {self.start!r}")
        if self.algorithm == "nmf" and self.start is not None:
            raise InputError("shallow: nmf takes no start, an embedding has negative numbers")

    def shortened(self) -> Self:
        """One restart on a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        return replace(self, restarts=1, start=start)


def mixture(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """Responsibilities of a diagonal Gaussian mixture fitted to z (n, d)."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        k, covariance_type="diag", n_init=restarts, max_iter=ITERATIONS, random_state=seed
    ).fit(array(z))
    return lambda new: like(new, model.predict_proba(array(new)))


def spectral(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """Normalised cut of the graph of neighbours among z (n, d)."""
    from sklearn.cluster import SpectralClustering

    model = SpectralClustering(
        k,
        affinity="nearest_neighbors",
        n_neighbors=min(NEIGHBOURS, len(z)),
        eigen_solver="arpack" if len(z) > 5 * k else "lobpcg",  # which then is an exact one
        n_init=restarts,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Graph is not fully connected")  # departure 3
        labels = model.fit_predict(array(z))
    return of_the_nearest(z, labels, k)


def agglomerative(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """Ward's tree on z (n, d), cut at k clusters; nothing in it is random."""
    from sklearn.cluster import AgglomerativeClustering

    return of_the_nearest(z, AgglomerativeClustering(k).fit_predict(array(z)), k)


def factorised(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """The largest of the non-negative coefficients of a sample on the k parts found in z (n, d)."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)  # ITERATIONS are enough
        model = NMF(k, max_iter=ITERATIONS, random_state=seed).fit(array(positives(z)))
    lengths = np.linalg.norm(model.components_, axis=1, keepdims=True)
    parts = (model.components_ / np.where(lengths > 0, lengths, 1)).T

    def largest(new: Tensor) -> Tensor:
        coefficients = np.array([scipy.optimize.nnls(parts, row)[0] for row in array(positives(new))])
        return chosen(like(new, coefficients).argmax(1), k, new)

    return largest


def kernelised(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """k-means on z (n, d) in the feature space of a Gaussian kernel, departure 6."""
    from sklearn.cluster import KMeans
    from sklearn.kernel_approximation import Nystroem
    from sklearn.pipeline import make_pipeline

    data, drawn = array(z), min(DRAWN, len(z))
    rows = np.random.default_rng(seed).choice(len(z), drawn, replace=False)
    apart = scipy.spatial.distance.pdist(data[rows], "sqeuclidean")
    gamma = 1 / np.median(apart[apart > 0]) if apart.any() else 1.0
    features = Nystroem(gamma=gamma, n_components=drawn, random_state=seed)
    model = make_pipeline(features, KMeans(k, n_init=restarts, random_state=seed)).fit(data)
    return lambda new: chosen(like(new, model.predict(array(new))).long(), k, new)


def first_neighbours(z: Tensor, k: int, restarts: int, seed: int) -> Rule:
    """FINCH on z (n, d), joined down to k clusters or fewer; nothing in it is random.

    Raises:
        InputError: the package is missing, or there are more than `LARGEST` samples.
    """
    if len(z) > LARGEST:
        raise InputError(f"shallow: finch takes at most {LARGEST} samples, got {len(z)}; take fewer")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that approximate neighbours, unused here, are missing
            from finch import FINCH
    except ImportError as error:
        raise InputError("shallow: finch needs its authors' package; pip install finch-clust") from error
    data = array(z)
    partitions, sizes, _ = FINCH(data, ensure_early_exit=False, ann_threshold=LARGEST, verbose=False)
    coarsest = max(0, sum(size >= k for size in sizes) - 1)  # they only shrink
    return of_the_nearest(z, joined(data, partitions[:, coarsest], k), k)


def joined(z: NDArray[np.float64], labels: NDArray[Any], k: int) -> NDArray[Any]:
    """Labels (n,) of z (n, d) with the two clusters of closest means made one until k are left."""
    from sklearn.metrics.pairwise import cosine_distances

    sums = np.zeros((labels.max() + 1, z.shape[1]))  # which have the means' directions
    np.add.at(sums, labels, z)
    while len(sums) > k:
        apart = cosine_distances(sums)
        np.fill_diagonal(apart, np.inf)
        kept, gone = sorted(np.unravel_index(apart.argmin(), apart.shape))
        sums[kept] += sums[gone]
        sums = np.delete(sums, gone, axis=0)
        labels = np.where(labels == gone, kept, labels)
        labels = labels - (labels > gone)
    return labels


ALGORITHMS = {"gmm": mixture, "spectral": spectral, "agglomerative": agglomerative, "nmf": factorised}
ALGORITHMS |= {"rbf": kernelised, "finch": first_neighbours}


def of_the_nearest(z: Tensor, labels: NDArray[Any], k: int) -> Rule:
    """The cluster of the nearest among z (n, d) with their labels (n,), departure 1."""
    known = torch.as_tensor(labels, dtype=torch.int64, device=z.device)
    return lambda new: chosen(known[squared_distances(new, z).argmin(1)], k, new)


def chosen(labels: Tensor, k: int, z: Tensor) -> Tensor:
    """One-hot (b, k) of labels (b,), in the type of z."""
    return one_hot(labels, k).to(z.dtype)


def positives(z: Tensor) -> Tensor:
    """Z itself; an `InputError` if anything in it is negative."""
    if bool((z < 0).any()):
        raise InputError("shallow: nmf needs data without negative numbers; shift or scale them")
    return z


def array(z: Tensor) -> NDArray[np.float64]:
    """z (n, d) for scikit-learn, in double precision: EM's variances may be tiny."""
    return z.double().cpu().numpy()


def like(z: Tensor, values: NDArray[Any]) -> Tensor:
    """Scikit-learn's values in the type and on the device of z."""
    return torch.as_tensor(values, dtype=z.dtype, device=z.device)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """The clustering of x (n, ...), or of its embedding by the autoencoder with the weights `start`."""
    encoder, decoder = representation(config, x, start)
    z = in_batches(encoder, x, encoder)
    seed = int(torch.randint(2**31, ()).item())
    rule = ALGORITHMS[config.algorithm](z, k, config.restarts, seed)
    soft = in_batches(rule, z)
    members = chosen(soft.argmax(1), k, z)
    centroids = members.T @ z / members.sum(0)[:, None].clamp_min(1)
    inertia = (z - members @ centroids).square().sum(1).mean()
    yield Step(
        phase="clustering",
        epoch=1,
        epochs=1,
        curves={"inertia": inertia},
        modules={"encoder": encoder, "decoder": decoder},
        embed=lambda x: in_batches(encoder, x, encoder),
        assign=lambda x: in_batches(lambda rows: rule(encoder(rows)), x, encoder),
        exemplars=lambda: in_batches(decoder, centroids, decoder),
    )

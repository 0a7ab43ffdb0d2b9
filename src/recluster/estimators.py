"""The scikit-learn door: the methods on anybody's data.

from recluster import PCX
labels = PCX(n_clusters=10, random_state=0).fit_predict(x)
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from recluster.methods import idec, kmeans, pcx
from recluster.parts import pretraining
from recluster.run import checked, samples, train
from recluster.spec import Config, InputError, Step


class _Clusterer(ClusterMixin, TransformerMixin, BaseEstimator):
    """What every estimator does with the config that it makes of its parameters."""

    _default: ClassVar[Config]

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        config: Config | None = None,
        random_state: int | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        """`config` is the method's own `Config`; None stands for the paper's settings."""
        self.n_clusters = n_clusters
        self.config = config
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _config(self) -> Config:
        config = self._default if self.config is None else self.config
        if not isinstance(config, type(self._default)):
            wanted, came = type(self._default), type(config)
            raise InputError(
                f"{type(self).__name__} takes a {wanted.__module__}.Config, got {came.__module__}."
                f"{came.__name__}"
            )
        return config

    def fit(self, x: ArrayLike | Tensor, y: object = None) -> Self:
        """Cluster x (n, d) or (n, c, h, w); `y` is there for scikit-learn and never read.

        Raises:
            InputError: x is empty, not finite or of a wrong shape, or n_clusters does not fit it.
        """
        data = checked(self._tensor(x), self.n_clusters)
        seed = (
            np.random.default_rng().integers(2**31) if self.random_state is None else self.random_state
        )
        self.history_: list[dict[str, Any]] = []
        for step in train(data, self.n_clusters, self._config(), int(seed)):
            curves = {name: float(value) for name, value in step.curves.items()}
            self.history_.append({"phase": step.phase, "epoch": step.epoch, **curves})
            if self.verbose:
                print(f"{step.phase} {step.epoch}/{step.epochs}", curves)  # noqa: T201
        self._step: Step = step
        self.n_features_in_ = int(np.prod(data.shape[1:]))
        self._shape = tuple(data.shape[1:])
        self.labels_ = self._labels(data)
        return self

    def predict(self, x: ArrayLike | Tensor) -> NDArray[np.int64]:
        """Cluster numbers (n,) of new samples, by the fitted network and centroids."""
        return self._labels(self._fitted(x))

    def predict_proba(self, x: ArrayLike | Tensor) -> NDArray[np.float32]:
        """Soft assignment (n, k) of samples."""
        data = self._fitted(x)
        if self._step.assign is None:
            raise InputError(f"{type(self).__name__} has no clusters")
        return self._step.assign(data).cpu().numpy()

    def transform(self, x: ArrayLike | Tensor) -> NDArray[np.float32]:
        """Embedding (n, d) of samples."""
        data = self._fitted(x)
        return self._step.embed(data).cpu().numpy()

    def _labels(self, data: Tensor) -> NDArray[np.int64]:
        return self._step.labels(data).cpu().numpy()

    def _fitted(self, x: ArrayLike | Tensor) -> Tensor:
        check_is_fitted(self, "labels_")
        data = samples(self._tensor(x))
        if tuple(data.shape[1:]) != self._shape:
            raise InputError(
                f"the samples have shape {tuple(data.shape[1:])}, fitted were {self._shape}"
            )
        return data

    def _tensor(self, x: ArrayLike | Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            array = np.array(x)
            if not np.issubdtype(array.dtype, np.number):
                raise InputError(f"data must be numbers, got an array of {array.dtype}")
            x = torch.from_numpy(array)
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return x.to(device=device)


class PCX(_Clusterer):
    """PC-X, see `recluster.methods.pcx`; for images of (n, c, h, w) `network="conv"` is possible."""

    _default = pcx.Config()


class IDEC(_Clusterer):
    """IDEC, see `recluster.methods.idec`."""

    _default = idec.Config()


class AEKMeans(_Clusterer):
    """k-means on the embedding of a pretrained autoencoder, see `recluster.methods.kmeans`."""

    _default = kmeans.Config(start=pretraining.Config())

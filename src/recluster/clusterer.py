"""What the estimators share: scikit-learn's manners around a run, and a fitted model's file."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TaskID
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from recluster import __version__, saving
from recluster.parts import pretraining
from recluster.parts.randomness import seeded
from recluster.run import samples, train
from recluster.spec import Config, InputError, Step

Data = ArrayLike | Tensor
Weights = Mapping[str, Tensor]


@dataclass(kw_only=True, eq=False, repr=False)
class Clusterer(ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What all estimators share. Data are rows (n, d), or images (n, c, h, w).

    Attributes:
        labels_: the cluster of each sample that was fitted, (n,).
        cluster_centers_: the centroids (k, d) in the space of `transform`.
        history_: one dictionary an epoch: phase, epoch, and the epoch's mean losses.
        n_iter_: number of clustering epochs.
        n_features_in_: numbers in a sample.
        feature_names_in_: the columns, if a data frame with names was fitted.
    """

    n_clusters: int = dataclasses.field(default=8, kw_only=False)
    image_shape: tuple[int, int, int] | None = None  # read samples as (c, h, w); one may be -1
    random_state: int | np.random.RandomState | None = None
    device: str = "auto"  # "auto": a GPU if there is one; else a name of torch's
    verbose: bool = False  # show a progress bar

    _method: ClassVar[type[Config]]

    def fit(self, X: Data, y: object = None) -> Self:
        """Cluster X; `y` is there for scikit-learn and never read.

        Raises:
            InputError: X is empty, not finite or of a wrong shape, or a parameter does not fit.
        """
        data = self._samples(X, fitting=True)
        k, config = self._number(data), self._config()
        if data.dim() != 4 and self._needs_images(config):
            raise InputError(
                f"{type(self).__name__} with these parameters needs images, got samples of shape "
                f"{tuple(data.shape[1:])}; give X as (n, channels, height, width), or say by "
                f"image_shape=(1, 8, 8), for example, how to read them as such"
            )
        history = []
        for step in self._shown(train(data, k, config, self._seed())):
            curves = {name: float(value) for name, value in step.curves.items()}
            if curves:  # none of a start, before the first epoch
                history.append({"phase": step.phase, "epoch": step.epoch, **curves})
        self._fitted_config, self._shape, self._step = config, tuple(data.shape[1:]), step
        self.history_: list[dict[str, Any]] = history
        self.n_iter_: int = sum(one["phase"] == "clustering" for one in history)
        self.labels_: NDArray[np.int64] = step.labels(data).cpu().numpy()
        self.cluster_centers_: NDArray[np.float32] = self._centres(step).detach().cpu().numpy()
        return self

    def predict(self, X: Data) -> NDArray[np.int64]:
        """Cluster numbers (n,) of samples, by the fitted network."""
        data = self._new(X)
        return self._step.labels(data).cpu().numpy()

    def transform(self, X: Data) -> NDArray[np.float32]:
        """Embedding (n, d) of samples."""
        data = self._new(X)
        return self._step.embed(data).cpu().numpy()

    def save(self, path: str | PathLike[str]) -> None:
        """Write all that was fitted to one file, without pickle.

        Raises:
            InputError: `random_state` is a generator, or the file cannot be written.
        """
        check_is_fitted(self, "labels_")
        fitted = {
            "parameters": self.get_params(deep=False),
            "config": self._fitted_config.canonical(),
            "shape": self._shape,
            "history_": self.history_,
            "n_iter_": self.n_iter_,
            "n_features_in_": self.n_features_in_,
            "feature_names_in_": [*getattr(self, "feature_names_in_", [])],
        }
        tensors = {
            "labels_": torch.as_tensor(self.labels_),
            "cluster_centers_": torch.as_tensor(self.cluster_centers_),
        }
        tensors |= {f"model.{name}": value for name, value in _weights(self._step).items()}
        saving.write(path, {"estimator": type(self).__name__, "version": __version__, **fitted}, tensors)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """The estimator that `save` wrote: its parameters, and all that was fitted, to the last bit.

        Raises:
            InputError: the file is missing, damaged, foreign, or of another estimator or version.
        """
        about, tensors = saving.read(path)
        if about["estimator"] != cls.__name__:
            kind = about["estimator"]
            raise InputError(f"{path} holds {kind}, not {cls.__name__}; take {kind}.load")
        try:
            return cls._revived(about, tensors)
        except (InputError, KeyError, RuntimeError, TypeError):  # sound, but its model is not ours
            raise InputError(
                f"{path} is from version {about['version']} of recluster, whose {cls.__name__} is not "
                f"that of this version, {__version__}; fit it again"
            ) from None

    @classmethod
    def _revived(cls, about: Mapping[str, Any], tensors: Weights) -> Self:
        parameters = dict(about["parameters"])
        if parameters["image_shape"] is not None:
            parameters["image_shape"] = tuple(parameters["image_shape"])
        if parameters.get("start") is not None:
            parameters["start"] = saving.revived(parameters["start"])
        model = cls(**parameters)
        model.history_, model.n_iter_ = about["history_"], about["n_iter_"]
        model.n_features_in_ = about["n_features_in_"]
        if about["feature_names_in_"]:
            model.feature_names_in_ = np.array(about["feature_names_in_"], dtype=object)
        model.labels_ = tensors["labels_"].numpy()
        model.cluster_centers_ = tensors["cluster_centers_"].numpy()
        model._fitted_config, model._shape = saving.revived(about["config"]), tuple(about["shape"])
        prefix = "model."
        model._restore(
            {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        )
        return model

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_step" in state:
            state["_step"] = _weights(state["_step"])  # its functions cannot be pickled
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_step" in state:
            self._restore(state["_step"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    # --- what a method's class says ---------------------------------------------------------------

    def _start(self) -> Config | None:
        """The pretraining's config, for a method that starts from one."""
        return None

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        """A step like the last of a fit on samples of this `shape`, its model ready for `weights`."""
        raise NotImplementedError

    def _centres(self, step: Step) -> Tensor:
        """The centroids (k, d) in the space of the step's embedding."""
        centroids: Tensor = step.modules["model"].centroids  # type: ignore[assignment]
        return centroids

    def _needs_images(self, config: Config) -> bool:
        """Whether rows cannot be trained on."""
        first = config
        while first.start is not None:
            first = first.start
        return getattr(first, "network", "mlp") != "mlp"

    # --- from parameters to what a run takes ------------------------------------------------------

    def _config(self) -> Config:
        return self._method(start=self._start(), **self._options(self._method))

    def _names(self, kind: type[Config], prefix: str = "") -> dict[str, str]:
        """Option of a config of this `kind` to our parameter for it, the one with the prefix first."""
        options = [field.name for field in dataclasses.fields(kind) if field.name != "start"]
        prefixed = {option: f"{prefix}_{option}" for option in options}
        return {option: name if hasattr(self, name) else option for option, name in prefixed.items()}

    def _options(self, kind: type[Config], prefix: str = "") -> dict[str, Any]:
        """The options of a config of this `kind`, but for its start, as our parameters say them."""
        names = self._names(kind, prefix)
        return {option: _plain(getattr(self, name)) for option, name in names.items()}

    def _number(self, data: Tensor) -> int:
        k, n = self.n_clusters, len(data)
        if not isinstance(k, Integral) or not 2 <= k <= n:
            raise InputError(
                f"n_clusters must be a whole number between 2 and n_samples, got {k!r} for "
                f"n_samples={n}, n_features={data[0].numel()}"
            )
        return int(k)

    def _seed(self) -> int:
        """A whole number is the run's seed itself; a generator is asked for one."""
        try:
            generator = check_random_state(self.random_state)
        except ValueError as problem:
            raise InputError(f"random_state: {problem}") from None
        given = isinstance(self.random_state, Integral)
        return int(self.random_state if given else generator.randint(2**31 - 1))  # type: ignore[arg-type]

    def _device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except (RuntimeError, TypeError):
            raise InputError(
                f'device must be "auto" or a name of torch\'s, as "cpu" or "cuda", got {self.device!r}'
            ) from None
        if device.type == "cuda" and not torch.cuda.is_available():
            raise InputError(f'device is {self.device!r}, but there is no GPU here; take "auto"')
        return device

    def _samples(self, X: Data, *, fitting: bool) -> Tensor:
        """X as finite float32 (n, ...) on the device, after scikit-learn's checks."""
        given = _array(X) if isinstance(X, Tensor) else X
        try:
            array = check_array(
                given,
                allow_nd=True,
                ensure_all_finite=False,  # `samples` says more
                ensure_min_samples=2 if fitting else 1,
                estimator=self,
                input_name="X",
            )
            rows = given if array.ndim == 2 else array.reshape(len(array), -1)
            validate_data(self, rows, reset=fitting, skip_check_array=True)  # names and their number
        except ValueError as problem:
            raise InputError(str(problem)) from None
        with np.errstate(over="ignore"):  # becomes infinite, which `samples` refuses
            tensor = torch.from_numpy(array.astype(np.float32))
        return samples(self._read(tensor)).to(self._device())

    def _read(self, tensor: Tensor) -> Tensor:
        """The samples as images, if `image_shape` says so."""
        shape = self.image_shape
        if shape is None:
            return tensor
        if not isinstance(shape, tuple) or len(shape) != 3:
            raise InputError(f"image_shape must be a tuple (channels, height, width), got {shape!r}")
        try:
            return tensor.reshape(len(tensor), *shape)
        except (RuntimeError, TypeError):
            raise InputError(
                f"samples of {tensor[0].numel()} numbers cannot be read as images of {shape} (channels, "
                f"height, width); change image_shape"
            ) from None

    def _new(self, X: Data) -> Tensor:
        """X for the fitted model, which is brought to where it computes."""
        check_is_fitted(self, "labels_")
        data = self._samples(X, fitting=False)
        if tuple(data.shape[1:]) != self._shape:
            raise InputError(
                f"the samples have shape {tuple(data.shape[1:])}, fitted were "
                f"{self._shape}; reshape them"
            )
        self._step.modules["model"].to(data.device)
        return data

    def _restore(self, weights: Weights) -> None:
        """The fitted model again, from its weights."""
        with seeded(0):  # a network draws its first weights, even if they are then replaced
            k = len(self.cluster_centers_)
            self._step = self._blank(self._fitted_config, self._shape, k, weights)
        self._step.modules["model"].load_state_dict(weights)

    def _shown(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The steps, with a bar for each phase if `verbose`."""
        columns = (*Progress.get_default_columns(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not self.verbose) as bars:
            tasks: dict[str, TaskID] = {}
            for step in steps:
                if step.phase not in tasks:
                    tasks[step.phase] = bars.add_task(f"{type(self).__name__} {step.phase}")
                bars.update(tasks[step.phase], completed=step.epoch, total=step.epochs)
                yield step


class SoftAssignment:
    """For methods whose assignment is a probability."""

    def predict_proba(self: Any, X: Data) -> NDArray[np.float32]:
        """Soft assignment (n, k) of samples."""
        data = self._new(X)
        probabilities: NDArray[np.float32] = self._step.assign(data).cpu().numpy()
        return probabilities


@dataclass(kw_only=True, eq=False, repr=False)
class PretrainedClusterer(Clusterer):
    """An estimator whose method starts from a pretrained autoencoder; `fit` does both."""

    start: Config | None = None  # another pretraining's config, instead of the parameters for it

    _pretraining: ClassVar[type[Config]]

    def _start(self) -> Config:
        if self.start is None:
            return self._pretraining(**self._options(self._pretraining, "pretraining"))
        names = self._names(self._pretraining, "pretraining")
        changed = [name for name in names.values() if getattr(self, name) != getattr(type(self), name)]
        if changed:
            raise InputError(
                f"{type(self).__name__}: `start` says all of the pretraining, so {', '.join(changed)} "
                f"would have no effect; set it in `start`"
            )
        return self.start


@dataclass(kw_only=True, eq=False, repr=False)
class AutoencoderClusterer(PretrainedClusterer):
    """An estimator that starts from a plain autoencoder, see `recluster.parts.pretraining`."""

    network: str = pretraining.Config.network  # or "conv", "dcss-conv", for images
    embedding_size: int = pretraining.Config.embedding_size
    pretraining_epochs: int = pretraining.Config.epochs
    pretraining_batch_size: int = pretraining.Config.batch_size
    pretraining_learning_rate: float = pretraining.Config.learning_rate

    _pretraining = pretraining.Config


def _weights(step: Step) -> dict[str, Tensor]:
    """A copy on the CPU of all that the step's model holds."""
    state = step.modules["model"].state_dict()
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _array(tensor: Tensor) -> NDArray[Any]:
    """The tensor for numpy, which knows fewer types of floating-point numbers."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _plain(value: Any) -> Any:
    """A number of numpy's, as grids of parameters have them, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value

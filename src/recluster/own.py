"""Own data, end to end: read, check, train, compare with k-means, warn, write.

The classes go from the reader to the scores and to the page. `trained` does not take them.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recluster import metrics
from recluster.data.reading import Samples, read
from recluster.methods import METHODS
from recluster.parts.starting import Start
from recluster.report.own import (
    BETTER,
    EVEN,
    MARGIN,
    MIXED,
    WORSE,
    Caution,
    Comparison,
    Outcome,
    page,
    summary,
)
from recluster.spec import Config, InputError, Step, one_of
from recluster.store import replace_atomically
from recluster.train import checked, train

CLUSTERING = [name for name, method in METHODS.items() if not issubclass(method.config, Start)]
SILHOUETTES = 5000  # samples on which it is taken, at most
COLLAPSED = 0.95  # share of the largest cluster
UNSCALED = 100.0  # ratio between the widest and the narrowest feature
DUPLICATES = 0.05  # share of samples that equal an earlier one
NAMED = 5  # features in a warning

Float = NDArray[np.float32]
Watcher = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks for; see `recluster fit --help`."""

    data: Path
    k: int | None
    method: str | None
    output: Path
    report: Path | None = None
    labels: str | None = None
    array: str | None = None
    drop: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    standardise: bool = False
    seed: int = 0
    device: str | None = None
    force: bool = False

    def command(self) -> str:
        """What to type to do it again."""
        given: list[object] = ["recluster", "fit", self.data, "-k", self.k, "--method", self.method]
        given += ["-o", self.output]
        for name in ("report", "labels", "array", "device"):
            if (value := getattr(self, name)) is not None:
                given += [f"--{name}", value]
        for column in self.drop:
            given += ["--drop", column]
        for setting in self.settings:
            given += ["--set", setting]
        given += ["--standardise"] * self.standardise + ["--seed", self.seed]
        return shlex.join(map(str, given))


def cluster(request: Request, watch: Watcher | None = None) -> Outcome:
    """Do what is asked for and write it; `watch` sees every step of the training.

    Raises:
        InputError: something in the request or in the data breaks a rule; nothing has been written.
    """
    config = configured(request.method, request.settings)
    device = _checked(request)
    samples = read(request.data, labels=request.labels, array=request.array, drop=request.drop)
    used = standardised(samples) if request.standardise else samples
    k = request.k or 0  # `_checked` has refused None
    x = _clusterable(used.x, k, config).to(device)
    fitted = trained(x, k, config, request.seed, watch)
    outcome = Outcome(
        name=request.data.name or str(request.data.resolve().name),
        method=_title(config),
        k=k,
        seed=request.seed,
        samples=dataclasses.replace(samples, notes=used.notes),
        **vars(fitted),
        comparison=_compared(x, used, fitted.labels, k, config, request.seed),
        cautions=(*data_cautions(samples, request.standardise), *cluster_cautions(fitted, k)),
        settings=flat(config.canonical()),
        command=request.command(),
    )
    write(request, outcome)
    return outcome


def _title(config: Config) -> str:
    """The method's name; k-means on an embedding must not look like k-means on the data."""
    embedded = config.start is not None and _starts_from(type(config)) is None
    return f"{config.method} from {config.start.method}" if embedded and config.start else config.method


# --- what is asked for ----------------------------------------------------------------------------


def configured(method: str | None, settings: Sequence[str]) -> Config:
    """The method's config with settings such as "epochs=50", "start=ae", "start.epochs=20".

    Raises:
        InputError: no or an unknown method, one that only pretrains, or a setting that is none of its.
    """
    if method is None:
        raise InputError(f"a method is needed: --method NAME, one of: {', '.join(CLUSTERING)}")
    one_of("method", method, METHODS)
    if method not in CLUSTERING:
        users = [name for name in CLUSTERING if _starts_from(METHODS[name].config) == method]
        raise InputError(
            f"{method} pretrains an autoencoder and makes no clusters; take a method that starts from "
            f"it: {', '.join(users)}, or kmeans with --set start={method}"
        )
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name or not text:
            raise InputError(f"a setting is name=value, such as epochs=50; got {setting!r}")
        given[name] = text
    return _made(METHODS[method].config, given)


def _starts_from(kind: type[Config]) -> str | None:
    start = kind().start
    return start.method if start else None


def _made(kind: type[Config], given: Mapping[str, str]) -> Config:
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    inner = {name.removeprefix("start."): v for name, v in given.items() if name.startswith("start.")}
    outer = {name: text for name, text in given.items() if not name.startswith("start.")}
    start = kind().start if "start" not in outer else _named_start(outer.pop("start"))
    if inner and start is None:
        raise InputError(f"{kind.method} starts from nothing here; name a start: --set start=ae")
    for name in outer:
        nested = [f"start.{field.name}" for field in dataclasses.fields(start)] if start else []
        one_of(f"setting of {kind.method}", name, [*names, *nested])
    values: dict[str, Any] = {
        name: _value(f"{kind.method}: {name}", hints[name], text) for name, text in outer.items()
    }
    if start is not None:
        values["start"] = _made(type(start), inner)
    elif "start" in given:
        values["start"] = None
    return kind(**values)


def _named_start(name: str) -> Config | None:
    if name == "none":
        return None
    one_of("start", name, [*METHODS, "none"])
    return METHODS[name].config()


def _value(name: str, hint: Any, text: str) -> object:
    """The text as the field's type; what the value may be is the config's own affair."""
    kinds = get_args(hint) or (hint,)
    if text == "none" and NoneType in kinds:
        return None
    if bool in kinds:
        one_of(name, text, ["true", "false"])
        return text == "true"
    for kind, noun in ((int, "a whole number"), (float, "a number")):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                raise InputError(f"{name} must be {noun}, got {text!r}") from None
    return text


def _checked(request: Request) -> str:
    """The device, once all that can be told without reading the data is in order."""
    if request.k is None:
        raise InputError("the number of clusters is needed: -k NUMBER")
    if not 0 <= request.seed < 2**63:
        raise InputError(f"a seed must be 0 or more, and less than 2^63, got {request.seed}")
    wanted = [path for path in (request.output, request.report) if path is not None]
    if len({path.resolve() for path in wanted}) < len(wanted):
        raise InputError(f"labels and report need files of their own, both are {request.output}")
    for path in wanted:
        if path.is_dir() or not path.resolve().parent.is_dir():
            raise InputError(f"{path} must be a file in a folder that is there; name another")
        if path.resolve() == request.data.resolve():
            raise InputError(f"{path} is the data, which are never overwritten; name another file")
        if path.exists() and not request.force:
            raise InputError(f"{path} is already there; name another file, or add --force")
    return _device(request.device)


def _device(name: str | None) -> str:
    available = ["cpu", *["cuda"] * torch.cuda.is_available()]
    if name is not None:
        one_of("device", name, available)
    return name or available[-1]


def flat(canonical: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested settings by dotted names."""
    values: dict[str, object] = {}
    for name, value in canonical.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{name}.")
        else:
            values[prefix + name] = value
    return values


# --- the data -------------------------------------------------------------------------------------


def standardised(samples: Samples) -> Samples:
    """Each feature minus its mean, over its standard deviation; a constant one becomes 0.

    Raises:
        InputError: the samples are images.
    """
    if samples.images:
        raise InputError("--standardise is for rows; images are scaled to [0, 1] as they are read")
    x = samples.x.astype(np.float64)
    spread = np.where(np.ptp(x, axis=0) > 0, x.std(0), 1)
    scaled = ((x - x.mean(0)) / spread).astype(np.float32)
    note = "Features were standardised: mean 0, standard deviation 1."
    return dataclasses.replace(samples, x=scaled, notes=(*samples.notes, note))


def _clusterable(x: Float, k: int, config: Config) -> Tensor:
    """The samples as a tensor, if they can be clustered into k by this config."""
    data = checked(torch.from_numpy(x), k)
    different = distinct(x)
    if different < k:
        raise InputError(f"k must not exceed the number of different samples, {different}; got {k}")
    if x.ndim == 2:
        if config.method == "secu":
            raise InputError(
                "secu makes random views of images, and these are rows; give images (an .npy of n x "
                "channels x height x width, or a folder of them), or take another method"
            )
        one: Config | None = config
        prefix = ""
        while one is not None:
            network = getattr(one, "network", "mlp")
            if network != "mlp":
                raise InputError(
                    f"the network {network!r} needs images, and these are rows; give images (an .npy "
                    f"of n x channels x height x width, or a folder of them), or --set "
                    f"{prefix}network=mlp"
                )
            one, prefix = one.start, f"{prefix}start."
    return data


def distinct(x: Float) -> int:
    """How many different samples there are."""
    return len({blake2b(row.tobytes(), digest_size=16).digest() for row in x})


# --- training -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted:
    """What training left; the attributes are those of `Outcome`."""

    labels: NDArray[np.int64]
    probabilities: Float | None
    embedding: Float
    exemplars: Float | None
    curves: dict[str, dict[str, list[float]]]
    seconds: float


def trained(x: Tensor, k: int, config: Config, seed: int, watch: Watcher | None = None) -> Fitted:
    """Train on x (n, ...) alone.

    Raises:
        InputError: the method refuses the data, or its losses leave the range of numbers.
    """
    curves: dict[str, dict[str, list[float]]] = {}
    begin = time.perf_counter()
    try:
        for step in train(x, k, config, seed):
            for name, value in step.curves.items():
                curves.setdefault(step.phase, {}).setdefault(name, []).append(value.item())
            if watch is not None:
                watch(step)
    except FloatingPointError as problem:
        raise InputError(
            f"training diverged: {problem}; scale the data (--standardise) or lower the rate "
            f"(--set learning_rate=...)"
        ) from problem
    seconds = time.perf_counter() - begin
    if step.assign is None:
        raise RuntimeError(f"{config.method} left no clusters")
    own, labels = step.assign(x).max(1)
    soft = bool(((own > 0) & (own < 1)).any())
    return Fitted(
        labels=labels.cpu().numpy(),
        probabilities=own.cpu().numpy() if soft else None,
        embedding=step.embed(x).flatten(1).cpu().numpy(),
        exemplars=step.exemplars().cpu().numpy() if step.exemplars is not None else None,
        curves=curves,
        seconds=seconds,
    )


# --- k-means beside it ----------------------------------------------------------------------------


def _compared(
    x: Tensor, samples: Samples, labels: NDArray[np.int64], k: int, config: Config, seed: int
) -> Comparison:
    ours = scored(samples, labels)
    if config.method == "kmeans" and config.start is None:
        return Comparison(ours=ours)
    baseline = trained(x, k, METHODS["kmeans"].config(), seed).labels
    theirs = scored(samples, baseline)
    return Comparison(
        ours=ours,
        kmeans=theirs,
        agreement=metrics.ari(labels, baseline),
        verdict=verdict(ours, theirs),
    )


def scored(samples: Samples, labels: NDArray[np.int64]) -> dict[str, float | None]:
    """ACC, NMI and ARI if there are classes, and the silhouette on the samples."""
    values: dict[str, float | None] = {}
    if samples.y is not None:
        found = metrics.scores(samples.y, labels)
        values = {"ACC": found["acc"], "NMI": found["nmi"], "ARI": found["ari"]}
    return values | {"silhouette": silhouette(samples.x, labels)}


def silhouette(x: Float, labels: NDArray[np.int64]) -> float | None:
    """The mean silhouette in [-1, 1] of the same random samples each time; None if not defined."""
    from sklearn.metrics import silhouette_score

    rows = np.random.default_rng(0).permutation(len(x))[:SILHOUETTES]
    chosen = labels[rows]
    if not 2 <= len(np.unique(chosen)) < len(chosen):
        return None
    return float(silhouette_score(x[rows].reshape(len(rows), -1), chosen))


def verdict(ours: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> str | None:
    """How we stand beside k-means: by ACC, NMI and ARI if there are classes, else by silhouette."""
    names = [name for name in ours if name != "silhouette"] or ["silhouette"]
    gains = [
        a - b for name in names if (a := ours[name]) is not None and (b := theirs[name]) is not None
    ]
    if not gains:
        return None
    up, down = any(gain > MARGIN for gain in gains), any(gain < -MARGIN for gain in gains)
    if up and down:
        return MIXED
    return BETTER if up else WORSE if down else EVEN


# --- what to be wary of ---------------------------------------------------------------------------


def data_cautions(samples: Samples, standardise: bool) -> list[Caution]:
    """Warnings of the samples as they were read: scales, constants, row numbers, duplicates."""
    found = []
    if not samples.images:
        found += feature_cautions(samples.x, samples.features, standardise)
    n, different = len(samples.x), distinct(samples.x)
    if n - different > DUPLICATES * n:
        found.append(
            Caution(
                kind="duplicates",
                title="Many duplicates.",
                text=f"{n - different:,} of {n:,} samples equal another exactly. If they are copies by "
                "mistake, remove them: they pull clusters towards themselves.",
            )
        )
    return found


def feature_cautions(x: Float, features: Sequence[str], standardise: bool) -> list[Caution]:
    """Warnings of single columns of x (n, d)."""
    found = []
    span = np.ptp(x.astype(np.float64), axis=0)
    varying = np.flatnonzero(span > 0)
    narrow, wide = (int(varying[place]) for place in (span[varying].argmin(), span[varying].argmax()))
    if not standardise and span[wide] >= UNSCALED * span[narrow]:
        found.append(
            Caution(
                kind="unscaled",
                title="Features on very different scales.",
                text=f"The range of {features[wide]} is {span[wide]:.4g}, that of {features[narrow]} "
                f"{span[narrow]:.4g}: the widest features decide alone who is near to whom. Nothing was "
                "rescaled; --standardise gives every feature mean 0 and standard deviation 1.",
            )
        )
    constant = [features[column] for column in np.flatnonzero(span == 0).tolist()]
    if constant:
        more = ", ..." if len(constant) > NAMED else ""
        found.append(
            Caution(
                kind="constant",
                title="Constant features.",
                text=f"{len(constant)} of {len(features)} features have one value for all samples and "
                f"say nothing: {', '.join(constant[:NAMED])}{more}.",
            )
        )
    steps = np.diff(x[:, varying], axis=0)
    counting = varying[(np.abs(steps) == 1).all(0) & (steps == steps[:1]).all(0)].tolist()
    if len(counting):
        found.append(
            Caution(
                kind="row numbers",
                title="A feature that counts the rows.",
                text=f"{features[counting[0]]} grows by one from row to row, as a row number does; if "
                "it is one, leave it out (--drop).",
            )
        )
    return found


def cluster_cautions(fitted: Fitted, k: int) -> list[Caution]:
    """Warnings of the clusters found: collapse, empty ones, one that dominates."""
    sizes = np.bincount(fitted.labels, minlength=k)
    share, largest = sizes.max() / sizes.sum(), int(sizes.argmax())
    found = []
    scale = float(np.abs(fitted.embedding).max())
    advice = "Do not use these labels; scale the data, lower the learning rate, or take another method."
    if float(fitted.embedding.std(0).max()) <= 1e-6 * scale:
        found.append(
            Caution(
                kind="collapse",
                title="The embedding has collapsed.",
                text=f"The network gives all samples the same embedding. {advice}",
            )
        )
    elif share >= COLLAPSED:
        found.append(
            Caution(
                kind="collapse",
                title="The clustering has collapsed.",
                text=f"Cluster {largest} holds {share:.1%} of the samples. {advice}",
            )
        )
    elif share > (1 + 1 / k) / 2:  # half-way from an even share to everything
        found.append(
            Caution(
                kind="dominating",
                title="One cluster dominates.",
                text=f"Cluster {largest} holds {share:.1%} of the samples, where an even share is "
                f"{1 / k:.1%}. It may be so in the data; compare other seeds, k and methods.",
            )
        )
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        more = ", ..." if len(empty) > NAMED else ""
        found.append(
            Caution(
                kind="empty",
                title="Empty clusters.",
                text=f"{len(empty)} of {k} clusters hold no sample: "
                f"{', '.join(map(str, empty[:NAMED]))}{more}. A smaller k may fit, or another seed.",
            )
        )
    return found


# --- writing --------------------------------------------------------------------------------------


def write(request: Request, outcome: Outcome) -> None:
    """Labels and page, each whole or not at all.

    Raises:
        InputError: a file cannot be written.
    """
    pages = {request.output: table(outcome)}
    if request.report is not None:
        pages[request.report] = page(outcome)
    for path, text in pages.items():
        try:
            replace_atomically(path, text.encode())
        except OSError as problem:
            raise InputError(
                f"{path} cannot be written ({problem.strerror}); make room, or name another folder"
            ) from problem


def table(outcome: Outcome) -> str:
    """Row, cluster, and where they exist the cluster's probability and the image's file, as CSV."""
    columns: dict[str, Sequence[object]] = {
        "row": range(len(outcome.labels)),
        "cluster": outcome.labels.tolist(),
    }
    if outcome.probabilities is not None:
        columns["probability"] = [f"{value:.6g}" for value in outcome.probabilities]
    if outcome.samples.files:
        columns["file"] = outcome.samples.files
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows(zip(*columns.values(), strict=True))
    return buffer.getvalue()


__all__ = ["CLUSTERING", "Outcome", "Request", "cluster", "configured", "summary"]

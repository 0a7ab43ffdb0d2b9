"""What can be seen of a clustering without labels, read off the records beside its ACC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod

import numpy as np
from scipy import stats
from sklearn.metrics import adjusted_rand_score, pairwise_distances, silhouette_score

from recluster.data import load_dataset
from recluster.methods import kmeans
from recluster.papers import CLAIMS
from recluster.papers.comparison import METHODS_COMPARED
from recluster.papers.suite import DATASETS
from recluster.report.gains import by_seed
from recluster.spec import Config, InputError, Run
from recluster.store import Array, Record, Store

SCORES = {
    "silhouette": "silhouette, own embedding",
    "raw": "silhouette, the data",
    "stability": "agreement of the seeds",
    "sizes": "evenness of the sizes",
    "kmeans": "agreement with k-means",
    "reconstruction": "reconstruction",
}
"""All are read as "the greater, the better": the reconstruction's error has its sign turned."""

NAMES = {
    "kmeans": "k-means",
    "shallow": "classical",
    "pcx": "PC-X",
    "ulhe": "ULHE-DC",
    "dynae": "DynAE",
    "secu": "SeCu",
    "vade": "VaDE",
}
SUMMED = ("ae", "acai", "ulhe-ae", "dcn", "dkm")  # their error is a sum over features
MEAN = ("idec", "pcx")  # its error is a mean over features


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One run: what can be seen without labels, and its ACC.

    Attributes:
        name: of the method and its settings.
        method: as in `recluster.methods`.
        dataset: on which data.
        seed: of the run.
        acc: in percent.
        scores: a name in `SCORES` to its value, only those that the record can give.
    """

    name: str
    method: str
    dataset: str
    seed: int
    acc: float
    scores: Mapping[str, float] = field(default_factory=dict)


@cache
def candidates(scale: str, store: Store) -> list[Candidate]:
    """Every run at this scale on the comparison's data, of any claim, each once."""
    found = []
    for dataset in DATASETS[scale]:
        raw = by_seed(kmeans.Config(), dataset, scale, store)
        distances = _distances(dataset, list(raw.values()), store)
        for name, config in _configs(scale, dataset):
            records = by_seed(config, dataset, scale, store)
            labels = {seed: store.precise(r)["labels"].astype(int) for seed, r in records.items()}
            for seed, record in records.items():
                one = _seen(name, config, record, store, distances)
                agreement = {"stability": _agreement(labels[seed], _others(labels, seed))}
                if seed in raw and raw[seed].key != record.key:
                    base = store.precise(raw[seed])["labels"].astype(int)
                    agreement["kmeans"] = _agreement(labels[seed], [base])
                known = {name: value for name, value in agreement.items() if value is not None}
                found.append(replace(one, scores={**one.scores, **known}))
    return found


def _configs(scale: str, dataset: str) -> list[tuple[str, Config]]:
    """Name and config of everything planned on a data set; the comparison's names come first."""
    known: dict[str, tuple[str, Config]] = {}
    for claim in (METHODS_COMPARED, *CLAIMS.values()):
        for row, config in claim.plan.get(scale, {}).get(dataset, {}).items():
            key = Run(config=config, dataset=dataset, seed=0, scale=scale).key
            name = row if claim is METHODS_COMPARED else f"{pretty(config.method)}: {row}"
            known.setdefault(key, (name, config))
    return list(known.values())


def pretty(method: str) -> str:
    """A method's name as the papers write it."""
    return NAMES.get(method, method.upper())


def _others(labels: Mapping[int, Array], seed: int) -> list[Array]:
    return [other for key, other in labels.items() if key != seed]


def _agreement(labels: Array, others: Sequence[Array]) -> float | None:
    """Mean ARI of labels (n,) with others (n,); None without any."""
    if not others:
        return None
    return float(np.mean([adjusted_rand_score(other, labels) for other in others]))


def _distances(dataset: str, raw: Sequence[Record], store: Store) -> Array | None:
    """Distances (m, m) between the records' sample of the data; None where the data are not at hand."""
    if not raw:
        return None
    arrays = store.precise(raw[0])
    if "sample_embedding" in arrays:  # the data themselves, for k-means on them
        points = arrays["sample_embedding"]
    else:
        try:
            points = load_dataset(dataset).x[arrays["sample"]]
        except InputError:
            return None
    distances: Array = pairwise_distances(points.reshape(len(points), -1).astype(np.float64))
    np.fill_diagonal(distances, 0)
    return distances


def _seen(name: str, config: Config, record: Record, store: Store, distances: Array | None) -> Candidate:
    """What one record alone can give."""
    arrays = store.precise(record)
    labels = arrays["labels"][arrays["sample"]]
    raw = None if distances is None else silhouette(distances, labels, metric="precomputed")
    own = raw
    if "sample_embedding" in arrays:
        own = silhouette(arrays["sample_embedding"], labels)
    scores = {
        "silhouette": own,
        "raw": raw,
        "sizes": evenness(arrays["labels"], record.data["k"]),
        "reconstruction": _reconstruction(config, record, store),
    }
    return Candidate(
        name=name,
        method=config.method,
        dataset=record.run["dataset"],
        seed=record.run["seed"],
        acc=100 * record.scores["acc"],
        scores={name: value for name, value in scores.items() if value is not None},
    )


def silhouette(points: Array, labels: Array, metric: str = "euclidean") -> float | None:
    """Mean silhouette of labels (n,) on points (n, d), or on distances (n, n); None for one cluster."""
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(points, labels, metric=metric))


def evenness(labels: Array, k: int) -> float:
    """Entropy of the clusters' sizes over that of k equal ones: 1 if even, 0 if all are in one."""
    return float(stats.entropy(np.bincount(labels.astype(int), minlength=k)) / np.log(k))


def _reconstruction(config: Config, record: Record, store: Store) -> float | None:
    """Minus the last mean squared error a feature, of the run's own decoder.

    Of a clustering on a trained autoencoder it is that autoencoder's. None where the loss recorded is
    another one (VaDE's likelihood, DCSS's weights by membership) or there is no decoder.
    """
    if config.method in ("kmeans", "shallow") and config.start is not None:
        run = Run(
            config=config.start,
            dataset=record.run["dataset"],
            seed=record.run["seed"],
            scale=record.run["scale"],
        )
        before = store.find(run)
        return None if before is None else _reconstruction(config.start, before, store)
    if config.method not in (*SUMMED, *MEAN):
        return None
    error = record.curves["reconstruction"][-1]
    return -error / (prod(record.data["shape"][1:]) if config.method in SUMMED else 1)

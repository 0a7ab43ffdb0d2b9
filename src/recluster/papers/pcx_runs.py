"""The runs that PC-X's claims share: data sets, variants and settings at each scale."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from recluster.methods import pcx
from recluster.papers.suite import on
from recluster.spec import Config

Plans = dict[str, dict[str, dict[str, Config]]]

NEEDS = {
    "ytf": "needs YouTube Faces, of which the paper's subset is not public",
    "cifar10": "needs CIFAR-10: recluster data fetch cifar10",
    "cifar10-moco": "needs MoCo features of CIFAR-10: recluster data extract cifar10-moco",
    "cifar10-jpeg-moco": "needs MoCo features: recluster data extract cifar10-jpeg-moco",
    "imagenet10-moco": "needs MoCo features of ImageNet-10: recluster data extract imagenet10-moco",
    "imagenet-moco": "needs MoCo features of ImageNet: recluster data extract imagenet-moco",
    "reuters10k": "needs Reuters10K: recluster data fetch reuters10k",
    "har": "needs HAR: recluster data fetch har",
}


DATA = {"smoke": ("digits",), "laptop": ("mnist-test", "usps"), "paper": ("mnist", "fashion")}
SMALL = {"smoke": "digits", "laptop": "mnist-test", "paper": "mnist-test"}
"""Where causes are sought: a seventh of MNIST's steps, at the printed number of epochs."""
IMBALANCED: dict[str, Any] = {"reweighted": True, "smoothing": 5.0}  # PC-X-IMBA, App. A.3


def full(scale: str, dataset: str = "") -> pcx.Config:
    """PC-X as the suite has it on a data set."""
    return cast(pcx.Config, on(dataset, scale)["PC-X"])


def variants(scale: str, dataset: str = "", **changes: Any) -> dict[str, Config]:
    """The five columns of Table 6; IDEC and AE start from the same fully connected autoencoder."""
    ours, suite = replace(full(scale, dataset), **changes), on(dataset, scale)
    return {
        "PC-X": ours,
        "PC-X-no CI": replace(ours, centroid_integration=False),
        "PC-X-Fix": replace(ours, centroid_update="fixed"),
        "IDEC": suite["IDEC"],
        "AE": suite["AE + k-means"],
    }


ABLATION: Plans = {
    scale: {dataset: variants(scale, dataset) for dataset in names} for scale, names in DATA.items()
}
ELSEWHERE = {  # data sets that Table 4 alone has
    "ytf": variants("paper", network="conv", **IMBALANCED),
    "reuters10k": variants("paper", **IMBALANCED),
} | dict.fromkeys(("cifar10-moco", "cifar10-jpeg-moco", "imagenet10-moco", "har"), variants("paper"))


def plan(*rows: str) -> Plans:
    """Those rows of Table 6's runs, for another claim: equal runs are done once."""
    return {
        scale: {data: {row: configs[row] for row in rows} for data, configs in sets.items()}
        for scale, sets in ABLATION.items()
    }


def without_fashion(whole: Plans) -> Plans:
    """The same but for Fashion, where a statement is about MNIST."""
    return {
        scale: {data: rows for data, rows in sets.items() if data != "fashion"}
        for scale, sets in whole.items()
    }


def stated(rows: Iterable[str]) -> Plans:
    """PC-X's runs but for Fashion, under each of these rows: a statement is a row."""
    names = list(rows)
    return {
        scale: {data: dict.fromkeys(names, configs["PC-X"]) for data, configs in sets.items()}
        for scale, sets in without_fashion(ABLATION).items()
    }


def compared(scale: str, dataset: str) -> dict[str, Config]:
    """Table 4's rows on images, with the suite's settings; DEPICT is not among our methods."""
    suite = on(dataset, scale)
    others = {"AE": "AE + k-means"} | {row: row for row in ("k-means", "GMM", "DEC", "IDEC", "VaDE")}
    return {row: suite[name] for row, name in others.items()} | {"PC-X": full(scale, dataset)}


COMPARISON: Plans = {
    scale: {dataset: compared(scale, dataset) for dataset in names} for scale, names in DATA.items()
}
COMPARISON["paper"] |= {  # VaDE's likelihood is that of images
    dataset: {row: on("", "paper")[row] for row in ("k-means", "GMM", "DEC")}
    | {row: configs[row] for row in ("AE", "IDEC", "PC-X")}
    for dataset, configs in ELSEWHERE.items()
}

"""What DCSS draws: its figures' statements and sweeps. Few of them print a number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recluster.papers.claim import Cell, Claim
from recluster.papers.dcss_runs import (
    ALL,
    COMPARED,
    DATA,
    GREY,
    NEEDS,
    Plans,
    Statement,
    checked,
    plan,
    runs,
    same,
    stated,
    with_copy,
)

SEPARATION = (
    ("clusters in q have small distances within and large ones between", "silhouette_q", ">=", 0.5),
    ("clusters are mixed in u but isolated in q", "silhouette_gain", ">", 0.0),
)

FIGURE_3 = Claim(
    id="dcss.figure3",
    title="t-SNE of the embedding after each phase, and of q",
    where="Figure 3, Section 4.4",
    cells=tuple(
        Cell(row=row, dataset=name, metric="silhouette_u")
        for row in ("AE + k-means", "DCSS_u", "DCSS")
        for name in ALL
    )
    + stated(SEPARATION, ALL),
    plan=plan(same("AE + k-means", "DCSS_u", "DCSS") | {row: "DCSS" for row, *_ in SEPARATION}, ALL),
    unit=1,
    needs=NEEDS,
    drawing="phases",
    note=(
        "For clusters that look apart we take the mean silhouette of the true classes, in a sample of "
        "2,000. The bounds are our reading of the words."
    ),
)

FIGURE_4 = checked(
    "DCSS_u",
    [
        ("the reconstruction loss has converged", "reconstruction_drift", "<=", 0.05),
        ("the centring loss has converged", "centring_drift", "<=", 0.05),
        ("the total loss has converged", "objective_drift", "<=", 0.05),
        ("the centring loss is noticeably reduced", "centring_change", "<=", -0.2),
        ("at first the reconstruction is given up for the centring", "reconstruction_rise", ">", 0.0),
    ],
    id="dcss.figure4",
    title="Losses of the first phase over the epochs",
    where="Figure 4, Section 4.6",
    unit=1,
    drawing="centring",
    note=(
        "Which data sets are drawn is not in our copy. Converged: changed by a twentieth at most over "
        "the last fifth of the epochs. At first: in the first tenth of them, or in the first two. The "
        "bounds are our reading of the words."
    ),
)

FIGURE_5 = checked(
    "DCSS",
    [
        ("the loss converges to zero", "pairs_left", "<=", 10.0),
        ("the loss is reduced in every epoch", "pairs_rise", "<=", 0.0),
        ("the loss drops sharply when q takes over", "pairs_drop", ">=", 10.0),
    ],
    id="dcss.figure5",
    title="Loss of the second phase over the epochs",
    where="Figure 5, Section 4.6",
    drawing="pairing",
    note=(
        "All in percent of the first epoch's loss: what is left at the end, the greatest rise from "
        "one epoch to the next, and the fall after epoch T_2. Which data sets are drawn is not in our "
        "copy. The bounds are our reading of the words."
    ),
)

RATES = ("0.1", "0.2", "0.3", "0.4", "0.5")
THINNED = {"smoke": "digits", "laptop": "mnist-test", "paper": "mnist"}
FEWER = same("k-means", "AE + k-means", "DCSS_u", "DCSS")

IMBALANCE = Claim(
    id="dcss.imbalance",
    title="Imbalanced subsets of MNIST",
    where="Figure 6, Section 4.8",
    cells=tuple(
        Cell(row=row, dataset=f"mnist-r{rate}", metric="acc") for row in COMPARED for rate in RATES
    ),
    plan={
        scale: {
            f"{name}-r{rate}": {
                row: runs(scale)[method]
                for row, method in (COMPARED if scale == "paper" else FEWER).items()
            }
            for rate in RATES
        }
        for scale, name in THINNED.items()
    },
    drawing="imbalance",
    note=(
        "Which methods and scores are drawn is not in our copy: at the smaller scales ours are four. "
        "The text says that DCSS is far ahead for every r; that the first class has r times less "
        "samples means r times as many (S11). The samples that stay are the same for all seeds."
    ),
)

FIGURE_7 = checked(
    "DCSS",
    [("q is very close to a one-hot vector", "largest_q", ">=", 0.95)],
    ("mnist", "fashion", "stl10-resnet152", "cifar10-resnet152"),
    id="dcss.figure7",
    title="q of single samples",
    where="Figure 7, Section 4.9",
    unit=1,
    drawing="vectors",
    note="The mean of q's largest element in a sample of 2,000; the bound is our reading of the words.",
)

FIGURE_8 = checked(
    "DCSS",
    [("almost all q are very close to one-hot vectors", "near_one_hot", ">=", 0.9)],
    ALL,
    id="dcss.figure8",
    title="Distances of q from one-hot vectors",
    where="Figure 8, Section 4.9",
    unit=1,
    drawing="residuals",
    note=(
        "The share, in a sample of 2,000, of q within 0.1 of its one-hot vector in the l1 norm; the "
        "bound is our reading of the words."
    ),
)

Changes = Mapping[str, Mapping[str, Any]]
"""Row to the settings that it changes."""


def first_phases(values: Changes, data: Sequence[str]) -> Plans:
    """DCSS_u with changed settings."""
    return swept("DCSS_u", values, data)


def long_first_phases(values: Changes, data: Sequence[str]) -> Plans:
    """The same where a first phase has more than the laptop scale's few epochs."""
    plans = first_phases(values, data)
    del plans["laptop"]
    return plans


def second_phases(values: Changes, data: Sequence[str]) -> Plans:
    """DCSS with a second phase of changed settings, after the one first phase."""
    return swept("DCSS", values, data)


def swept(method: str, values: Changes, data: Sequence[str]) -> Plans:
    """Scale to data set to row to the method, of that scale and data set, with the row's changes."""
    named = DATA | {"paper": with_copy(data)}
    return {
        scale: {
            name: {row: replace(runs(scale, name)[method], **to) for row, to in values.items()}
            for name in names
        }
        for scale, names in named.items()
    }


def sensitivity(
    phases: Callable[[Changes, Sequence[str]], Plans],
    values: Changes,
    data: Sequence[str],
    **heading: Any,
) -> Claim:
    """A panel of Figure 9 or 10: ACC and NMI for each value; the paper draws and does not print them."""
    cells = tuple(
        Cell(row=row, dataset=name, metric=metric)
        for row in values
        for name in data
        for metric in ("acc", "nmi_max")
    )
    plan = phases(values, data)
    return Claim(cells=cells, plan=plan, needs=NEEDS, drawing="sensitivity", **heading)


FIGURE_9A = sensitivity(
    first_phases,
    {f"alpha = {value:g}": {"centring_weight": value} for value in (0.0, 0.01, 0.1, 1.0)},
    ("mnist", "fashion", "usps", "cifar10-resnet152"),
    id="dcss.figure9a",
    title="The weight of the centring loss",
    where="Figure 9(a), Section 4.10",
    note="Of DCSS_u. The text says that going from 0 to 0.1 helps significantly on most data sets.",
)

FIGURE_9B = sensitivity(
    first_phases,
    {f"m = {value:g}": {"fuzziness": value} for value in (1.1, 1.3, 1.5, 1.7)},
    ("mnist", "fashion", "2mnist", "stl10-resnet152"),
    id="dcss.figure9b",
    title="The fuzziness of the memberships",
    where="Figure 9(b), Section 4.10",
    note="Of DCSS_u. The text says that it is not too sensitive to m.",
)

FIGURE_9C = sensitivity(
    long_first_phases,
    {f"T1 = {value}": {"centroid_interval": value} for value in (2, 5, 10, 15)},
    ("mnist",),
    id="dcss.figure9c",
    title="The interval between two updates of the centroids",
    where="Figure 9(c), Section 4.10",
    note=(
        "Of DCSS_u, in epochs (S2). The text names no data set, we take MNIST, and says that a "
        "smaller interval is better."
    ),
)

FIGURE_9D = sensitivity(
    second_phases,
    {f"T2 = {value}": {"guided_epochs": value} for value in (1, 5, 10, 20)},
    ("fashion", "stl10-resnet152", "cifar100-resnet152", "cifar10-resnet152"),
    id="dcss.figure9d",
    title="How long the memberships judge the pairs",
    where="Figure 9(d), Section 4.10",
    note="The text says that 1 and 20 epochs do not do, and a moderate number does.",
)

FIGURE_10A = checked(
    "DCSS",
    [
        ("at the beginning only a few pairs take part", "participation_start", "<=", 0.5),
        ("more and more pairs take part", "participation_change", ">", 0.0),
        ("at the end almost all pairs take part", "participation_end", ">=", 0.95),
    ],
    id="dcss.figure10a",
    title="Share of the pairs that take part in the second phase",
    where="Figure 10(a), Section 4.10",
    unit=1,
    drawing="participation",
    note=(
        "At zeta = 0.8, where the paper draws several; ours are means over the batches of the first "
        "and of the last epoch, without the pairs of a sample and itself. A few: less than half. Which "
        "data sets are drawn is not in our copy. The bounds are our reading of the words."
    ),
)

FIGURE_10B = sensitivity(
    second_phases,
    {
        f"zeta = {tenths / 10:g}": {"similar": tenths / 10, "dissimilar": (10 - tenths) / 10}
        for tenths in range(5, 11)
    },
    ("mnist",),
    id="dcss.figure10b",
    title="The thresholds of similar and dissimilar pairs",
    where="Figure 10(b), Section 4.10",
    note=(
        "Gamma is 1 - zeta. Data sets and values are not in our copy: MNIST and steps of 0.1 are ours. "
        "The text calls DCSS less sensitive for zeta from 0.5 to 0.9, much of which its own theory "
        "excludes (S4)."
    ),
)

FILTERS = Claim(
    id="dcss.filters",
    title="Outputs of the first convolution, unsupervised and supervised",
    where="Figure 11, Section 4.11",
    cells=tuple(
        Cell(row=row, dataset=name, metric="first convolution")
        for row in ("DCSS", "supervised")
        for name in GREY
    ),
    needs={
        "DCSS": "needs the first convolution's outputs, which records do not keep",
        "supervised": "needs the same network trained with labels, which no method here can do",
    },
    note="The text says that both look alike.",
)

ISOLATED: list[Statement] = [
    ("at the beginning many samples have no adjacent one", "isolated_start", ">=", 50.0),
    ("at the end almost all have one", "isolated_end", "<=", 5.0),
]

FIGURE_13_PLAN = plan({row: "DCSS" for row, *_ in ISOLATED})
FIGURE_13_PLAN["paper"]["cifar100-resnet152"] = {"DCSS": runs("paper", "cifar100-resnet152")["DCSS"]}

FIGURE_13 = Claim(
    id="dcss.figure13",
    title="Samples without an adjacent one in the second phase",
    where="Figure 13, App. A",
    cells=(
        Cell(row="DCSS", dataset="cifar100-resnet152", metric="isolated_end", printed=0.5, places=1),
        *stated(ISOLATED),
    ),
    plan=FIGURE_13_PLAN,
    within=0.5,
    needs=NEEDS,
    drawing="isolation",
    note=(
        "In percent. Ours look for an adjacent sample in the batch, the paper perhaps in all of the "
        "data, and are means over the first and over the last epoch. Half a point is agreement: the "
        "printed value has no more than its one decimal. Many: half or more; the bounds are our "
        "reading of the words."
    ),
)

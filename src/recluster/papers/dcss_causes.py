"""Our own questions to DCSS, in no paper: a preflight, and why its phases do what they do.

All of it is on USPS at the paper's scale. The second phase is short, so that its causes cost little once
a first phase is there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recluster.methods import cmeans
from recluster.papers.claim import Bound, Cell, Claim
from recluster.papers.dcss_runs import DATA, Plans, runs
from recluster.papers.suite import AE
from recluster.parts.centring import Config as Centring
from recluster.spec import SCALES, Config

OURS = "in no paper"
APART = 0.5
"""Least distance of two centres, in radii of the clusters, below which we call it contraction."""

SETS = DATA | {"paper": ("usps",)}
DATASET = "usps"


def preflight(scale: str) -> dict[str, Config]:
    """What tells of a contraction before a first phase is paid for, by the autoencoders at hand."""
    starts = {"fully connected": AE[scale]}
    if scale == "paper":
        starts["convolutional"] = replace(AE[scale], network="dcss-conv")
    rows: dict[str, Config] = {}
    for name, start in starts.items():
        rows[f"eq. (3) a hundred times, {name}"] = cmeans.Config(start=start)
        if scale == "paper":
            rows[f"ten epochs, {name}"] = Centring(start=start, epochs=10)
    return rows


PREFLIGHT = Claim(
    id="dcss.preflight",
    title="Whether the first phase draws its centres together",
    where=OURS,
    cells=tuple(
        Cell(
            row=row,
            dataset=DATASET,
            metric=metric,
            bound=Bound(comparison=">=", value=APART) if metric == "separation_end" else None,
        )
        for row in preflight("paper")
        for metric in ("separation_start", "separation_end")
    ),
    plan={scale: {name: preflight(scale) for name in SETS[scale]} for scale in SCALES},
    unit=1,
    drawing="contraction",
    note=(
        "The distance between the two nearest centres, over the root mean square of that from a sample "
        "to its nearest centre; no labels are used. First on an embedding that stands still, under as "
        "many updates of the centres as the first phase makes, which is fuzzy c-means; then with ten of "
        f"the {Centring.epochs} epochs of training. Centres that end nearer than {APART:g} have drawn "
        "together, and the whole first phase is not worth its price. The rule is a guess of ours, made "
        "before these runs."
    ),
)

CONTRACTION = Claim(
    id="dcss.contraction",
    title="The centres over the first phase",
    where=OURS,
    cells=tuple(
        Cell(
            row="DCSS_u",
            dataset=DATASET,
            metric=metric,
            bound=Bound(comparison=">=", value=APART) if metric == "separation_end" else None,
        )
        for metric in ("separation_start", "separation_end")
    ),
    plan={
        scale: {name: {"DCSS_u": runs(scale, name)["DCSS_u"]} for name in SETS[scale]}
        for scale in SCALES
    },
    unit=1,
    drawing="contraction",
    note="As in the preflight, over all epochs of the first phase.",
)

CAUSES: Mapping[str, Mapping[str, Any]] = {
    "DCSS": {},
    "encoder's rate 1e-4": {"learning_rate": 1e-4},
    "gamma = 0.1": {"dissimilar": 0.1},
    "gamma = 0.05": {"dissimilar": 0.05},
    "p with m = 1.3": {"fuzziness": 1.3},
    "p with m = 1.1": {"fuzziness": 1.1},
}


def causes() -> Plans:
    """DCSS, and its second phase with one setting changed, after the same first phase."""
    return {
        scale: {
            name: {row: replace(runs(scale, name)["DCSS"], **to) for row, to in CAUSES.items()}
            for name in SETS[scale]
        }
        for scale in SCALES
    }


PAIRS = Claim(
    id="dcss.causes",
    title="Why the second phase gains or loses",
    where=OURS,
    cells=tuple(
        Cell(row=row, dataset=DATASET, metric=metric)
        for row in CAUSES
        for metric in ("acc", "acc_gain", "judged_similar", "judged_precision", "similar_precision")
    ),
    plan=causes(),
    note=(
        "In percent. Of all pairs of different samples, in a sample of 2,000: how many p calls similar "
        "as the second phase begins, where crisp and even clusters would give one in K; how many of "
        "these are of one class; and how many of those that q calls similar at the end. The last two "
        "use the true classes, and no method sees them. The rate is that of the encoder, printed 1e-5; "
        "gamma is printed 0.2, which is not below 1/K (S21); m is that of p in the second phase alone."
    ),
)

OWN_QUESTIONS = (PREFLIGHT, CONTRACTION, PAIRS)

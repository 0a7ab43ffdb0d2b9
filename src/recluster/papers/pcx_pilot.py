"""How PC-X's unprinted weights are chosen: a plan and a rule, both from before any run of it.

Units. The loss is the mean error + eta_1 C + eta_2 H, so that the weights are relative to an error
averaged over the D features. Relative to the error summed over them, D times the mean, they are D times
as large: on MNIST, where D = 784, the values below are then .10, .31, 1.02 for eta_1 (4e-4 x 784 =
.3136) and .05, .31, 1.57 for eta_2 (2e-3 x 784 = 1.568).

The rule reads no label. Of the settings that keep all its bounds, the first stage (the burn-in alone)
takes the one whose clusters come nearest to k-means', the second (a whole run) the one whose
reconstruction moves least. The second stage's runs have the suite's eta_1 and update: what the first
takes is entered there, before the second begins. A stage in which none keeps them changes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from recluster.methods import pcx
from recluster.papers.claim import NOWHERE, Bound, Cell, Claim
from recluster.papers.pcx_runs import SMALL, full
from recluster.spec import Config

ETA_1, ETA_2 = (1.3e-4, 4e-4, 1.3e-3), (6e-5, 4e-4, 2e-3)
UPDATES: tuple[Literal["average", "running sums"], ...] = ("average", "running sums")

Rule = dict[str, Bound]
"""What is measured, by its name in `recluster.report.measures`, to the bound that it has to keep."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Settings to choose among.

    Attributes:
        rows: the settings by name.
        rule: what a setting has to keep.
        least: of those that keep it, the one with the least of this is taken.
    """

    rows: tuple[str, ...]
    rule: Rule
    least: str


def first(whole: pcx.Config) -> dict[str, Config]:
    """The burn-in alone, with eta_1 and the centroids' update; each is said, whatever its default."""
    alone = replace(whole, epochs=whole.burn_in)
    return {
        f"η1 = {eta:g}, {update}": replace(alone, clustering_weight=eta, centroid_update=update)
        for eta in ETA_1
        for update in UPDATES
    }


def second(whole: pcx.Config) -> dict[str, Config]:
    """Whole runs, with eta_2."""
    return {f"η2 = {eta:g}": replace(whole, entropy_weight=eta) for eta in ETA_2}


IN_USE = {"smallest_share": Bound(comparison=">=", value=0.02)}
STAGES = (
    Stage(
        rows=tuple(first(pcx.Config())),
        rule=IN_USE
        | {
            "error_over_kmeans": Bound(comparison="<=", value=1.02),
            "cluster_share_difference": Bound(comparison=">", value=0),  # as in Table 7
            "confidence_change_burn_in": Bound(comparison="<", value=0),  # as in Figure 4
            "confidence_drift": Bound(comparison="<=", value=0.01),
        },
        least="error_over_kmeans",
    ),
    Stage(
        rows=tuple(second(pcx.Config())),
        rule=IN_USE
        | {
            "confidence_end": Bound(comparison=">=", value=0.95),
            "reconstruction_change": Bound(comparison="<", value=0.1),
        },
        least="reconstruction_change",
    ),
)


def cells(stages: Iterable[Stage]) -> Iterator[Cell]:
    """Every bound of every setting."""
    for stage in stages:
        for row in stage.rows:
            for metric, bound in stage.rule.items():
                yield Cell(row=row, dataset=SMALL["paper"], metric=metric, bound=bound, chose=True)


PILOT = Claim(
    id="pcx.pilot",
    title="Which weights the printed number of steps asks for",
    where=NOWHERE,
    cells=tuple(cells(STAGES)),
    plan={"paper": {SMALL["paper"]: first(full("paper")) | second(full("paper"))}},
    unit=1,
    note=(
        "No label is read. A setting stays if every cluster has 2 % of the samples or more; if, at the "
        "end of the burn-in, the error within its clusters is at most 1.02 of that within k-means' on "
        "the same embedding, the largest singular value has a larger share before the fusion than after "
        "it, and the confidence has fallen and is level; and if, at the end of a whole run, the "
        "confidence is .95 or more while the reconstruction has moved by less than a tenth. The bounds "
        "stood before the runs. What Table 7, Figure 4 and Figure 6 lend to this rule, they no longer "
        "test."
    ),
)

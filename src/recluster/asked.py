"""What the claims ask of runs: which they need, and which they ask for more than scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from recluster import diagnostics
from recluster.papers.claim import Claim
from recluster.spec import SCALES, Run

WATCHED = diagnostics.ANGLES + diagnostics.APART + diagnostics.OTHERS
"""How the names of metrics begin that only a model in training can tell."""


class Asked:
    """What some claims ask, found once; the same of a run whatever its seed."""

    def __init__(self, claims: Iterable[Claim] = ()) -> None:
        self._wanted: set[Run] = set()
        self._diagnosed: set[Run] = set()
        self._begun: set[Run] = set()
        for claim in claims:
            watched = watched_rows(claim)
            for scale in SCALES:
                for row, dataset, config in claim.planned(scale):
                    run, *starts = Run(config=config, dataset=dataset, seed=0, scale=scale).chain()
                    self._wanted |= {run, *starts}
                    self._begun |= {*starts}
                    self._diagnosed |= {run} if row in watched else set()

    def wants(self, run: Run) -> bool:
        """Whether a claim needs the run, or one that starts from it."""
        return replace(run, seed=0) in self._wanted

    def diagnoses(self, run: Run) -> bool:
        """Whether a claim asks for more than the scores of the run."""
        return replace(run, seed=0) in self._diagnosed

    def starts_from(self, run: Run) -> bool:
        """Whether a claim has a run that starts from this one, whose weights are then kept."""
        return replace(run, seed=0) in self._begun


def watched_rows(claim: Claim) -> set[str]:
    """The rows of which the claim asks what only a model in training can tell."""
    return {row for cell in claim.cells if cell.metric.startswith(WATCHED) for row in cell.rows}

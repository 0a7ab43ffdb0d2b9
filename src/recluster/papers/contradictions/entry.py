"""A place where a paper contradicts itself, another, or leaves something out; and how to check it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from recluster.papers.claim import Claim
from recluster.spec import one_of

KINDS = {
    "itself": "contradicts itself",
    "another": "papers contradict one another",
    "misprint": "likely a misprint",
    "odd": "odd, not provably wrong",
    "not given": "needed, not given",
}
PAPERS = {"P": "pcx", "U": "ulhe", "Y": "dynae", "S": "dcss", "Q": "secu", "X": "across"}

Claims = Mapping[str, Claim]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check answers: whether the contradiction is there, and the numbers that show it."""

    holds: bool
    evidence: str


Check = Callable[[Claims], Finding]


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """One place in one paper, or in several.

    Attributes:
        id: a letter for the paper, as in `PAPERS`, and a number.
        kind: a key of `KINDS`.
        where: sections, tables, figures and equations, as the papers number them.
        said: what stands there, in our words.
        follows: what it means for somebody who runs the method again.
        done: what we do about it.
        departure: the number under "Departures" on the method's page, if it is one.
        claims: names of the claims whose numbers it touches.
        check: whether it holds, computed from the typed claims or the package's equations; None where
            only reading can tell.
    """

    id: str
    kind: str
    where: str
    said: str
    follows: str
    done: str
    departure: int | None = None
    claims: tuple[str, ...] = ()
    check: Check | None = None

    def __post_init__(self) -> None:
        one_of("kind of contradiction", self.kind, KINDS)
        one_of("letter of a paper", self.id[:1], PAPERS)

    @property
    def paper(self) -> str:
        """The paper's short name, or "across" where it is about several."""
        return PAPERS[self.id[0]]

"""The papers' claims, by name: `CLAIMS["pcx.table6"]`. A paper is one file, and one line here."""

from recluster.papers import pcx
from recluster.papers.claim import Claim
from recluster.spec import one_of

PAPERS = {"pcx": pcx}
CLAIMS: dict[str, Claim] = {claim.id: claim for paper in PAPERS.values() for claim in paper.CLAIMS}


def find(name: str) -> Claim:
    """The claim of this name; an `InputError` that lists them if there is none."""
    one_of("claim", name, CLAIMS)
    return CLAIMS[name]


def matching(names: list[str]) -> list[Claim]:
    """The claims so named; the name of a paper stands for all of its claims."""
    chosen: dict[str, Claim] = {}
    for name in names:
        one_of("claim or paper", name, [*CLAIMS, *PAPERS])
        for claim in CLAIMS.values():
            if name in (claim.id, claim.paper):
                chosen[claim.id] = claim
    return list(chosen.values())

"""The papers' claims, by name: `CLAIMS["pcx.table6"]`. A paper is one file, and one line here."""

from recluster.papers import comparison, dcss, dynae, pcx, secu, ulhe
from recluster.papers.claim import Claim
from recluster.spec import one_of

PAPERS = {"pcx": pcx, "ulhe": ulhe, "dynae": dynae, "dcss": dcss, "secu": secu}
CHAPTERS = {**PAPERS, "comparison": comparison}
CLAIMS: dict[str, Claim] = {claim.id: claim for chapter in CHAPTERS.values() for claim in chapter.CLAIMS}


def find(name: str) -> Claim:
    """The claim of this name; an `InputError` that lists them if there is none."""
    one_of("claim", name, CLAIMS)
    return CLAIMS[name]


def searched(paper: str) -> bool:
    """Whether claims of ours ask why the paper's number is out of reach: it has a page of causes."""
    return any(claim.drawing == "ladder" for claim in CLAIMS.values() if claim.paper == paper)


def matching(names: list[str]) -> list[Claim]:
    """The claims so named; the name of a chapter, as `pcx`, stands for all of its claims."""
    chosen: dict[str, Claim] = {}
    for name in names:
        one_of("claim or chapter", name, [*CLAIMS, *CHAPTERS])
        for claim in CLAIMS.values():
            if name in (claim.id, claim.paper):
                chosen[claim.id] = claim
    return list(chosen.values())

"""What the papers leave open: every place where they contradict themselves or one another.

A paper is one file of entries and one of checks. A check is a pure function of the typed claims, or of
the package's equations on a few numbers; what it finds is computed whenever somebody asks.
"""

from recluster.papers.contradictions import across, dcss, dynae, pcx, secu, ulhe
from recluster.papers.contradictions.entry import KINDS, Claims, Contradiction, Finding

CONTRADICTIONS: dict[str, Contradiction] = {
    entry.id: entry
    for chapter in (pcx, ulhe, dynae, dcss, secu, across)
    for entry in chapter.CONTRADICTIONS
}
FOREMOST = ("S1", "U1", "P1", "X1", "U11", "U18", "U15", "Y11", "Y1", "S12", "P9", "X6")
"""The dozen that matter most to somebody who runs these methods again, in that order."""

__all__ = ["CONTRADICTIONS", "FOREMOST", "KINDS", "Claims", "Contradiction", "Finding"]

"""Pairs of rows that differ in one thing alone: what that thing adds."""

from __future__ import annotations

from dataclasses import dataclass

from recluster.papers import pcx, pcx_causes, ulhe
from recluster.papers.claim import Claim
from recluster.papers.comparison import METHODS_COMPARED
from recluster.spec import Config


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two rows of one claim, with something and without it.

    Attributes:
        question: what that something is.
        with_it: the row that has it.
        without: the row that lacks it.
        claim: whose rows they are.
    """

    question: str
    with_it: str
    without: str
    claim: Claim = METHODS_COMPARED

    @property
    def name(self) -> str:
        """As it stands in a table."""
        return f"{self.with_it} − {self.without}"

    def pairs(self, scale: str) -> dict[str, tuple[Config, Config]]:
        """Data set to both configs, where the scale plans both."""
        return {
            dataset: (rows[self.with_it], rows[self.without])
            for dataset, rows in self.claim.plan.get(scale, {}).items()
            if {self.with_it, self.without} <= rows.keys()
        }


def contrasts(question: str, *rows: str, claim: Claim = METHODS_COMPARED) -> tuple[Contrast, ...]:
    """Contrasts that answer one question; each of `rows` reads "with it / without it"."""
    return tuple(
        Contrast(question=question, with_it=with_it, without=without, claim=claim)
        for with_it, _, without in (row.partition(" / ") for row in rows)
    )


CONTRASTS: tuple[Contrast, ...] = (
    *contrasts("an autoencoder at all", "AE + k-means / k-means", "AE + GMM / GMM"),
    *contrasts(
        "DynAE's pretraining, with augmented images",
        *("ACAI + k-means / AE + k-means", "DEC* / DEC", "IDEC* / IDEC"),
    ),
    *contrasts("DynAE's dynamics, with more steps at most", "DynAE / DC*"),
    *contrasts("embeddings of length one", "norm AE + k-means / AE + k-means"),
    *contrasts("the reconstruction loss kept", "IDEC / DEC", "IDEC* / DEC*"),
    *contrasts("DCSS, phase 1", "DCSS_u / AE + k-means"),
    *contrasts("DCSS, phase 2 after phase 1", "DCSS / DCSS_u"),
    *contrasts(
        "MNet, phase 2 after another method",
        "AE+MNet / AE + k-means",
        *(f"{name}+MNet / {name}" for name in ("DEC", "IDEC", "DCN", "DKM")),
    ),
    *contrasts(
        "ULHE-DC, the uniformity loss",
        *("Model 2 (L_unif) / Model 1", "Model 4 (both) / Model 3 (L_cmpt)"),
        claim=ulhe.TABLE_2,
    ),
    *contrasts(
        "ULHE-DC, the compactness loss",
        *("Model 3 (L_cmpt) / Model 1", "Model 4 (both) / Model 2 (L_unif)"),
        claim=ulhe.TABLE_2,
    ),
    *contrasts("PC-X, the centroid-integration unit", "PC-X / PC-X-no CI", claim=pcx.TABLE_6),
    *contrasts("PC-X, moving centroids", "PC-X / PC-X-Fix", claim=pcx.TABLE_6),
    *contrasts("PC-X, a pretrained start", "PC-X from the autoencoder / PC-X", claim=pcx_causes.START),
    *contrasts("PC-X, the entropy term", "PC-X / without the entropy term", claim=pcx_causes.ENTROPY),
)

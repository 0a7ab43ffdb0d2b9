"""What no paper has: every method at hand on the same data, from the same autoencoder for each seed.

Beside ours stands what the paper that a method is from prints on these data; for a baseline, what DynAE
prints, and where it prints nothing, DCSS.
"""

from dataclasses import replace

from recluster.papers import dcss, dynae, pcx, ulhe
from recluster.papers.claim import NOWHERE, Cell, Claim
from recluster.papers.suite import ACAI, DATASETS, methods, on
from recluster.spec import Config

TITLE = "Every method on the same data"
METRICS = ("acc", "nmi", "nmi_max", "ari", "seconds")
PRINTED = {
    "PC-X": (pcx.TABLE_4, "PC-X"),
    "ULHE-DC": (ulhe.TABLE_1, "ULHE-DC"),
    **{name: (dynae.TABLE_3, name) for name in ("DEC*", "IDEC*")},
    **{name: (dynae.TABLE_2, name) for name in ("GMM", "SC", "AC", "DynAE")},
    **{name: (dynae.TABLE_2, name) for name in ("DEC", "IDEC", "DCN", "VaDE")},
    "k-means": (dynae.TABLE_2, "K-Means"),
    "NMF": (dynae.TABLE_2, "LSNMF"),
    "RBF k-means": (dynae.TABLE_2, "RBF K-Means"),
    "AE + k-means": (dynae.TABLE_2, "AE + K-Means"),
    "AE + FINCH": (dynae.TABLE_2, "AE + FINCH"),
    **{name: (dcss.TABLE_1, name) for name in ("DKM", "DCSS_u", "DCSS")},
    **{f"{name}+MNet": (dcss.TABLE_3, f"{name}+MNet") for name in ("DEC", "IDEC", "DCN", "DKM")},
}


def cells(name: str) -> list[Cell]:
    """The method's cells on the papers' data, in percent, with what is printed where something is."""
    known = {}
    if name in PRINTED:
        claim, row = PRINTED[name]
        known = {
            (cell.dataset, cell.metric): 100 / claim.unit * cell.printed
            for cell in claim.cells
            if cell.row == row and cell.printed is not None
        }
    return [
        Cell(row=name, dataset=data, metric=metric, printed=known.get((data, metric)), places=1)
        for data in DATASETS["paper"]
        for metric in METRICS
    ]


def compared(scale: str, dataset: str) -> dict[str, Config]:
    """Name to config of what is run on a data set: FINCH holds all distances, so not on large ones."""
    large = dataset in ("mnist", "fashion")
    return {
        name: config for name, config in on(dataset, scale).items() if not (large and "FINCH" in name)
    }


METHODS_COMPARED = Claim(
    id="comparison.methods",
    title="Every method on the same data",
    where=NOWHERE,
    cells=tuple(cell for name in methods("paper") for cell in cells(name)),
    plan={scale: {data: compared(scale, data) for data in names} for scale, names in DATASETS.items()},
    needs={"AE + FINCH": "needs 20,000 samples or fewer"},
    note=(
        "Baselines are printed by DynAE (Tables 2 and 3) or else by DCSS (Tables 1 and 3), the papers' "
        "methods by their own papers. Networks are fully connected, but PC-X's on Fashion is "
        "convolutional, as printed. Seconds include the pretraining that a method starts from."
    ),
)

SMALL = ("mnist-test", "usps")
SAME_START = {
    "k-means": "AE + k-means",
    "GMM": "AE + GMM",
    "FINCH": "AE + FINCH",
    **{name: name for name in ("DEC", "IDEC", "DCN", "DKM", "VaDE", "ULHE-DC", "DC*", "DynAE")},
}
"""Row to the method whose autoencoder is exchanged."""


def from_augmented(scale: str) -> dict[str, Config]:
    """Every method that can begin with DynAE's augmented autoencoder."""
    own = methods(scale)
    return {row: replace(own[name], start=ACAI[scale]) for row, name in SAME_START.items()}


AUGMENTED = Claim(
    id="comparison.augmented",
    title="Every method from one augmented autoencoder",
    where=NOWHERE,
    cells=tuple(
        Cell(row=row, dataset=data, metric=metric, places=1)
        for row in SAME_START
        for data in SMALL
        for metric in ("acc", "nmi", "ari")
    ),
    plan={
        "smoke": {"digits": from_augmented("smoke")},
        "paper": {data: from_augmented("paper") for data in SMALL},
    },
    drawing="ladder",
    note=(
        "The autoencoder is DynAE's, of images turned and moved at random, one for each seed, with the "
        "settings of each method as in the other table. Only DynAE and DC* go on augmenting while they "
        "cluster. PC-X begins with a plain autoencoder or with none, DCSS and SeCu have networks of "
        "their own."
    ),
)

CLAIMS = (METHODS_COMPARED, AUGMENTED)

"""Every method that we run, with its settings at each scale, under the name that tables print.

The papers' claims take their runs from here, so that equal runs are done once. At paper scale a method
keeps the defaults of its page. At laptop scale the papers' own methods have fewer epochs, and a larger
rate where the loss would not move in so few; the settings were fixed by what two cores can do in minutes
and by losses, before any score was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recluster.methods import dcn, dcss, dec, dkm, dynae, idec, kmeans, pcx, secu, shallow, ulhe, vade
from recluster.parts import centring, normed, pretraining
from recluster.spec import Config

Settings = Mapping[str, Mapping[str, Any]]

DATASETS = {
    "smoke": ("digits",),
    "laptop": ("mnist-test", "usps"),
    "paper": ("mnist", "mnist-test", "usps", "fashion"),  # as DynAE and ULHE-DC have them
}

AE = {
    "smoke": pretraining.Config(epochs=20),
    "laptop": pretraining.Config(epochs=100),
    "paper": pretraining.Config(),
}
ACAI = {
    "smoke": replace(dynae.START, steps=28),
    "laptop": replace(dynae.START, steps=6000, learning_rate=1e-3),  # printed: 130,000 at 1e-4
    "paper": dynae.START,
}
NORMED = {
    "smoke": normed.Config(epochs=4, learning_rate=1.0),
    "laptop": normed.Config(epochs=80, learning_rate=1.0),  # printed: 1000 at 0.1
    "paper": normed.Config(),
}

SHORTER: Mapping[str, Settings] = {
    "smoke": {
        "PC-X": {"epochs": 40, "burn_in": 10, "batch_size": 64},
        "DEC": {"steps": 28},
        "IDEC": {"steps": 140},
        "DCN": {"epochs": 3},
        "DKM": {"epochs": 3},
        "VaDE": {"epochs": 3},
        "DC*": {"steps": 28},
        "DynAE": {"steps": 28},
        "ULHE-DC": {"epochs": 6},
        "DCSS_u": {"epochs": 2, "learning_rate": 1e-4, "batch_size": 128},
        "DCSS": {"epochs": 6, "batch_size": 128},
        "SeCu": {"network": "conv", "features": 32, "heads": 2, "epochs": 3, "warm_up": 1},
    },
    "laptop": {
        "PC-X": {"epochs": 120, "burn_in": 30},
        "DEC": {"steps": 2000},
        "IDEC": {"steps": 2000},
        "DCN": {"epochs": 40},
        "DKM": {"epochs": 40},
        "VaDE": {"epochs": 30},
        "DC*": {"steps": 2000},
        "DynAE": {"steps": 4000},
        "ULHE-DC": {"epochs": 60},  # printed: 300
        "DCSS_u": {"epochs": 6, "learning_rate": 1e-4},  # printed: 200 at 1e-5; DCSS is as printed
        "SeCu": {"network": "conv", "features": 256, "heads": 3, "epochs": 16, "warm_up": 2},
    },
    "paper": {"DC*": {"steps": 10_000}},  # not printed: about where DynAE and IDEC* stop
}

ON_ONE: Mapping[str, Settings] = {"fashion": {"PC-X": {"network": "conv"}}}  # App. A.7
"""Data set to what a paper prints for it alone."""


def methods(scale: str, ae: pretraining.Config | None = None) -> dict[str, Config]:
    """Name to config of every method at a scale, in the order of the comparison.

    With `ae`, those that start from the pretrained autoencoder start from this one.
    """
    ae, augmented, short = ae or AE[scale], ACAI[scale], SHORTER[scale]

    def of(name: str) -> Mapping[str, Any]:
        return short.get(name, {})

    dec_, idec_ = dec.Config(start=ae, **of("DEC")), idec.Config(start=ae, **of("IDEC"))
    dcn_, dkm_ = dcn.Config(start=ae, **of("DCN")), dkm.Config(start=ae, **of("DKM"))
    dcss_u = centring.Config(start=ae, **of("DCSS_u"))

    def with_mnet(config: Config) -> dcss.Config:
        return dcss.Config(start=config, **of("DCSS"))

    return {
        "k-means": kmeans.Config(),
        "GMM": shallow.Config(algorithm="gmm"),
        "SC": shallow.Config(algorithm="spectral"),
        "AC": shallow.Config(algorithm="agglomerative"),
        "NMF": shallow.Config(algorithm="nmf"),
        "RBF k-means": shallow.Config(algorithm="rbf"),
        "AE + k-means": kmeans.Config(start=ae),
        "AE + GMM": shallow.Config(algorithm="gmm", start=ae),
        "AE + FINCH": shallow.Config(algorithm="finch", start=ae),
        "DEC": dec_,
        "IDEC": idec_,
        "DCN": dcn_,
        "DKM": dkm_,
        "VaDE": vade.Config(start=ae, likelihood="bernoulli", **of("VaDE")),  # images in [0, 1]
        "ACAI + k-means": kmeans.Config(start=augmented),
        "DC*": dynae.Config(start=augmented, dynamic=False, **of("DC*")),
        "DEC*": dec.Config(start=augmented, **of("DEC")),
        "IDEC*": idec.Config(start=augmented, **of("IDEC")),
        "DynAE": dynae.Config(start=augmented, **of("DynAE")),
        "PC-X": pcx.Config(**of("PC-X")),
        "norm AE + k-means": kmeans.Config(start=NORMED[scale]),
        "ULHE-DC": ulhe.Config(start=NORMED[scale], **of("ULHE-DC")),
        "DCSS_u": dcss_u,
        "DCSS": with_mnet(dcss_u),
        "AE+MNet": with_mnet(ae),
        "DEC+MNet": with_mnet(dec_),
        "IDEC+MNet": with_mnet(idec_),
        "DCN+MNet": with_mnet(dcn_),
        "DKM+MNet": with_mnet(dkm_),
        "SeCu": secu.Config(**of("SeCu")),
    }


def on(dataset: str, scale: str) -> dict[str, Config]:
    """`methods` with what the papers print for this data set alone."""
    suite = methods(scale)
    return suite | {
        name: replace(suite[name], **changes) for name, changes in ON_ONE.get(dataset, {}).items()
    }

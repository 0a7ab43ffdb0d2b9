"""One page a method. `METHODS` names them all; a method is its `Config` and its `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from recluster.methods import (
    cmeans,
    dcn,
    dcss,
    dec,
    dkm,
    dynae,
    idec,
    kmeans,
    pcx,
    secu,
    shallow,
    ulhe,
    vade,
)
from recluster.parts import acai, centring, normed, pretraining
from recluster.spec import Config, Step


@dataclass(frozen=True)
class Method:
    """A method's config class and its `fit(x, k, config, start) -> Iterator[Step]`."""

    config: type[Config]
    fit: Callable[..., Iterator[Step]]


def _method(page: Any) -> Method:
    return Method(page.Config, page.fit)


METHODS = {
    # pretraining: runs that others start from
    "ae": _method(pretraining),
    "acai": _method(acai),
    "ulhe-ae": _method(normed),
    # baselines
    "kmeans": _method(kmeans),
    "cmeans": _method(cmeans),
    "shallow": _method(shallow),
    "dec": _method(dec),
    "idec": _method(idec),
    "dcn": _method(dcn),
    "dkm": _method(dkm),
    "vade": _method(vade),
    # the papers' own
    "pcx": _method(pcx),
    "ulhe": _method(ulhe),
    "dynae": _method(dynae),
    "dcss-u": _method(centring),
    "dcss": _method(dcss),
    "secu": _method(secu),
}

"""One page a method. `METHODS` names them all; a method is its `Config` and its `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from recluster.methods import idec, kmeans, pcx
from recluster.parts import pretraining
from recluster.spec import Config, Step


@dataclass(frozen=True)
class Method:
    """A method's config class and its `fit(x, k, config, start) -> Iterator[Step]`."""

    config: type[Config]
    fit: Callable[..., Iterator[Step]]


def _method(page: Any) -> Method:
    return Method(page.Config, page.fit)


METHODS = {
    "ae": _method(pretraining),
    "kmeans": _method(kmeans),
    "idec": _method(idec),
    "pcx": _method(pcx),
}

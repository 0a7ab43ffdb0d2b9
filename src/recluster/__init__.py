"""Deep clustering, reproduced: five papers' methods, their claims, and the runs that check them.

Everything here is loaded when first used, so that importing the package stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recluster.data import Dataset as Dataset
    from recluster.data import load_dataset as load_dataset
    from recluster.estimators import IDEC as IDEC
    from recluster.estimators import PCX as PCX
    from recluster.estimators import AEKMeans as AEKMeans

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "recluster.data",
    "load_dataset": "recluster.data",
    "AEKMeans": "recluster.estimators",
    "IDEC": "recluster.estimators",
    "PCX": "recluster.estimators",
}

__all__ = ["IDEC", "PCX", "AEKMeans", "Dataset", "load_dataset"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'recluster' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Deep clustering, reproduced: five papers' methods, their claims, and the runs that check them.

Everything here is loaded when first used, so that importing the package stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recluster.data import Dataset as Dataset
    from recluster.data import load_dataset as load_dataset
    from recluster.estimators import DCN as DCN
    from recluster.estimators import DCSS as DCSS
    from recluster.estimators import DEC as DEC
    from recluster.estimators import DKM as DKM
    from recluster.estimators import IDEC as IDEC
    from recluster.estimators import PCX as PCX
    from recluster.estimators import ULHE as ULHE
    from recluster.estimators import AEKMeans as AEKMeans
    from recluster.estimators import DynAE as DynAE
    from recluster.estimators import SeCu as SeCu
    from recluster.estimators import VaDE as VaDE

__version__ = "0.1.0"

__all__ = [
    "DCN",
    "DCSS",
    "DEC",
    "DKM",
    "IDEC",
    "PCX",
    "ULHE",
    "AEKMeans",
    "Dataset",
    "DynAE",
    "SeCu",
    "VaDE",
    "load_dataset",
]

_OF_DATA = {"Dataset", "load_dataset"}  # all others are estimators


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'recluster' has no attribute {name!r}")
    home = "recluster.data" if name in _OF_DATA else "recluster.estimators"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

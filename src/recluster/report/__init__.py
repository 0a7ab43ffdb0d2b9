"""From claims and records to what a reader sees: verdicts, tables, figures. Nothing here trains.

Everything here is loaded when first used: a verdict needs none of what draws.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recluster.report.page import Page as Page
    from recluster.report.page import open_page as open_page
    from recluster.report.verdict import judge as judge

__all__ = ["Page", "judge", "open_page"]

_HOMES = {"Page": "page", "judge": "verdict", "open_page": "page"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

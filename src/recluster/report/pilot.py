"""What PC-X's pilot chooses: which settings keep every bound of its rule, and which is taken."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from recluster.papers.pcx_pilot import PILOT, STAGES, Stage
from recluster.report.table import METRICS, number
from recluster.report.verdict import Judged, judge
from recluster.store import Store


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting and what was measured of it.

    Attributes:
        row: its name.
        kept: what keeps its bound.
        broken: what does not.
        unknown: what no record tells yet.
        least: what is compared with the other settings that keep all bounds; None while unknown.
    """

    row: str
    kept: tuple[str, ...]
    broken: tuple[str, ...]
    unknown: tuple[str, ...]
    least: float | None

    @property
    def stays(self) -> bool:
        """Whether every bound is kept, and so known."""
        return not self.broken and not self.unknown


def settings(stage: Stage, judged: Sequence[Judged]) -> list[Setting]:
    """The stage's settings as the pilot's cells have them; over seeds it is the mean that counts."""
    found = []
    for row in stage.rows:
        own = {one.cell.metric: one.obtained for one in judged if one.cell.row == row}
        values = {metric: got.mean for metric in stage.rule if (got := own.get(metric))}
        kept = {metric: stage.rule[metric].holds(value) for metric, value in values.items()}
        found.append(
            Setting(
                row=row,
                kept=tuple(metric for metric, holds in kept.items() if holds),
                broken=tuple(metric for metric, holds in kept.items() if not holds),
                unknown=tuple(metric for metric in stage.rule if metric not in values),
                least=values.get(stage.least),
            )
        )
    return found


def taken(found: Sequence[Setting]) -> str | None:
    """Of the settings that keep every bound the one of the least, or None if there is none."""
    stay = {one.row: one.least for one in found if one.stays and one.least is not None}
    return min(stay, key=stay.__getitem__, default=None)


def as_html(scale: str, store: Store) -> str:
    """Every setting of every stage with the bounds that it breaks, and what is taken."""
    judged = judge(PILOT, scale, store)
    return "".join(_stage(stage, settings(stage, judged)) for stage in STAGES)


def _stage(stage: Stage, found: Sequence[Setting]) -> str:
    lines = "".join(f"<li>{html.escape(one.row)}: {_told(one)}</li>" for one in found)
    if any(one.unknown and not one.broken for one in found):
        said = "not run: nothing is taken before every setting has its run"
    else:
        chosen = taken(found)
        said = "none keeps the rule: the settings stay as they were"
        if chosen is not None:
            least = next(one.least for one in found if one.row == chosen) or 0.0
            said = f"taken: <b>{html.escape(chosen)}</b>, the least {_name(stage.least)}"
            said += f" ({number(least, 3)})"
    return f"<ul>{lines}</ul><p>{said}.</p>"


def _told(one: Setting) -> str:
    if one.stays:
        return "keeps every bound"
    parts = [f"breaks {', '.join(map(_name, one.broken))}"] if one.broken else []
    parts += [f"not run: {', '.join(map(_name, one.unknown))}"] if one.unknown else []
    return "; ".join(parts)


def _name(metric: str) -> str:
    return METRICS.get(metric, metric.replace("_", " "))

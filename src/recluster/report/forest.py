"""Rows of values with their mean and its interval, drawn from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recluster.report.figure import STYLE

WIDTH = 4.8  # inches: wider, and its letters would be too small on a phone


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of a drawing: its name, its points by data set, its mean and the mean's interval."""

    name: str
    points: Mapping[str, Sequence[float]]
    centre: float
    interval: tuple[float, float] | None = None
    group: str = ""


def drawn(lines: Sequence[Line], label: str, *, zero: bool = False) -> Figure:
    """A dot a point in its data set's colour, a black mark for the mean, a bar for its interval.

    Lines of a group stand together under its name. `zero` draws a line at nought.
    """
    groups = {line.group for line in lines if line.group}
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            figsize=(WIDTH, 0.2 * (len(lines) + len(groups)) + 1.0), layout="constrained"
        )
        if zero:
            axes.axvline(0, color="0.35", lw=0.9, zorder=0)
        _fill(axes, lines)
        _name(axes, lines)
        axes.set_xlabel(label, fontsize=8.5)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=4, fontsize=8)
    plt.close(figure)  # else a notebook shows it twice
    return figure


def _places(lines: Sequence[Line]) -> list[str | Line]:
    """Headings and lines, from top to bottom."""
    places: list[str | Line] = []
    for before, line in zip([None, *lines], lines, strict=False):
        if line.group and (before is None or before.group != line.group):
            places.append(line.group)
        places.append(line)
    return places


def _fill(axes: Axes, lines: Sequence[Line]) -> None:
    datasets = sorted({name for line in lines for name in line.points})
    colours = dict(zip(datasets, sns.color_palette("colorblind", len(datasets)), strict=True))
    for dataset in datasets:
        points = [
            (value, place)
            for place, line in enumerate(_places(lines))
            if isinstance(line, Line)
            for value in line.points.get(dataset, ())
        ]
        values, heights = zip(*points, strict=True)
        axes.scatter(values, heights, s=15, color=colours[dataset], label=dataset, lw=0)
    for place, line in enumerate(_places(lines)):
        if isinstance(line, Line):
            if line.interval:
                axes.plot(line.interval, (place, place), color="black", lw=1.4)
            axes.scatter(line.centre, place, s=40, marker="|", color="black", linewidths=2, zorder=3)


def _name(axes: Axes, lines: Sequence[Line]) -> None:
    places = _places(lines)
    names = [place.name if isinstance(place, Line) else "" for place in places]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for height, place in enumerate(places):
        if isinstance(place, str):
            head = axes.annotate(
                place,
                (0.01, height),
                xycoords=("figure fraction", "data"),
                fontsize=8,
                fontweight="bold",
                va="center",
                annotation_clip=False,
            )
            head.set_in_layout(False)  # it runs into the plot, whose row is empty there
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color="0.92", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(len(names) - 0.4, -0.6)

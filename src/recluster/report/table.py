"""Verdicts as a table: text, csv, JSON, or HTML in the shape of the page."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from recluster.papers.claim import Cell, Claim
from recluster.report.measures import OF_DATA
from recluster.report.measures_dcss import TITLES
from recluster.report.verdict import CALCULATED, STATES, Judged, Obtained, as_object
from recluster.spec import SCALES

METRICS = {
    "acc": "ACC",
    "nmi": "NMI",
    "nmi_max": "NMI (max)",
    "ari": "ARI",
    "acc_best": "ACC of the best epoch, by labels",
    "acc_nearest_mean": "nearest class mean, by labels",
    "acc_neighbours": "ten neighbours, by labels",
    "clusters": "clusters in use",
    "largest": "#Max",
    "smallest": "#Min",
    "acc_gain": "gain in ACC",
    "nmi_max_gain": "gain in NMI (max)",
    **TITLES,
}
FORMATS = ("text", "csv", "json", "markdown")
SMALLER = "smaller run"
SHOWN = (*STATES[:2], SMALLER, *STATES[2:])
"""The states as a page shows them, see `standing`."""


@dataclass(frozen=True)
class Html:
    """A piece of a page; `text` is HTML, which a notebook need not keep a second time as its repr."""

    text: str = field(repr=False)

    def _repr_html_(self) -> str:
        return self.text


def standing(judged: Judged, scale: str) -> str:
    """The state as a page shows it: a run below the paper's scale neither supports nor refutes it.

    A calculation does: it has no scale.
    """
    smaller = judged.recorded and judged.state in STATES[:2] and scale != SCALES[-1]
    return SMALLER if smaller else judged.state


def state_class(state: str) -> str:
    """The style of a state."""
    return f"state-{state.replace(' ', '-')}"


def counted(states: Iterable[str]) -> str:
    """How many there are of each state, in its colour."""
    found = list(states)
    return " ".join(
        f'<span class="{state_class(state)}">{found.count(state):,} {state}</span>'
        for state in SHOWN
        if state in found
    )


def direction(judged: Iterable[Judged]) -> str:
    """In how many of the comparisons of rows that we have our rows stand as the paper says."""
    compared = [one.state == "agrees" for one in judged if one.cell.across and one.obtained]
    return f"the rows compare as stated in {sum(compared)} of {len(compared)}" if compared else ""


def download(name: str, table: str) -> str:
    """A link that itself holds a table in CSV, so that it needs no file beside the page."""
    content = base64.b64encode(table.encode()).decode()
    address = f"data:text/csv;charset=utf-8;base64,{content}"
    return f'<p class="download"><a download="{name}.csv" href="{address}">{name}.csv</a></p>'


def number(value: float, places: int = 0) -> str:
    """As many decimals as `places`, else one from ten on and two below; whole hundreds have none."""
    if places > 2:
        return f"{value:.{places}f}"  # a fraction, as it is printed
    if value == int(value) and abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def printed(judged: Judged) -> str:
    """The printed value with its deviation, the mark in place of a number, the bound that we read."""
    cell = judged.cell
    if cell.lost:
        return "lost"
    if cell.bound is not None:
        return f"{cell.mark}: {cell.bound}" if cell.mark else str(cell.bound)
    if cell.printed is None:
        return cell.mark
    text = f"{cell.printed:,.{cell.places}f}"
    return text if cell.printed_std is None else f"{text} ± {cell.printed_std:.{cell.places}f}"


def ours(judged: Judged) -> str:
    """Mean and deviation over seeds, with their number; or that it was calculated."""
    got = judged.obtained
    if got is None:
        return "-"
    return f"{spread(got, judged.cell)} ({CALCULATED if judged.computed else f'n={judged.seeds}'})"


def spread(got: Obtained, cell: Cell) -> str:
    """Mean and, of several seeds, deviation; what is true of the data alone has none."""
    mean = number(got.mean, cell.places)
    alone = got.std is None or cell.metric in OF_DATA
    return mean if alone else f"{mean} ± {number(got.std or 0.0, cell.places)}"


def mean(judged: Judged) -> str:
    """Our mean alone, empty without a value."""
    return number(judged.obtained.mean, judged.cell.places) if judged.obtained else ""


def flat(judged: Sequence[Judged]) -> pd.DataFrame:
    """One line a cell, everything that the JSON has."""
    rows = []
    for one in judged:
        got = one.obtained
        rows.append(
            {
                "row": one.cell.row,
                "dataset": one.cell.dataset,
                "metric": one.cell.metric,
                "variant": ", ".join(f"{k}={v}" for k, v in one.cell.variant.items()),
                "printed": one.cell.printed,
                "printed_std": one.cell.printed_std,
                "mark": one.cell.mark,
                "bound": str(one.cell.bound or ""),
                "mean": got.mean if got else None,
                "std": got.std if got else None,
                "n": got.n if got else None,
                "seeds": " ".join(map(str, got.seeds)) if got else "",
                "computed": one.computed,
                "state": one.state,
                "why": one.why,
            }
        )
    return pd.DataFrame(rows)


def render(claim: Claim, scale: str, judged: Sequence[Judged], form: str) -> str:
    """The claim in one of `FORMATS`."""
    if form == "json":
        return json.dumps(as_object(claim, scale, judged), indent=1, allow_nan=False)
    if form == "csv":
        table = flat(judged)
        table.insert(0, "scale", scale)
        table.insert(0, "claim", claim.id)
        return table.to_csv(index=False)
    return as_markdown(judged) if form == "markdown" else text(claim, scale, judged)


def as_markdown(judged: Sequence[Judged]) -> str:
    """Rows by (data set, metric), each cell `printed | ours`; cells with neither are left out."""
    frame = pd.DataFrame(
        {
            "row": row,
            "column": " ".join(column).strip(),
            "cell": f"{printed(one) or '–'} \\| {mean(one) or '–'}",
        }
        for (row, column), one in zip(_places(judged), judged, strict=True)
    )
    table = frame.pivot(index="row", columns="column", values="cell")
    table = table.loc[frame["row"].unique(), frame["column"].unique()].fillna("")
    head = ["", *map(str, table.columns)]
    lines = [head, ["---"] * len(head), *([str(row), *map(str, table.loc[row])] for row in table.index)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(claim: Claim, scale: str, judged: Sequence[Judged]) -> str:
    """For a terminal: a line a cell, and once what stands in the way of those not run."""
    lines = [f"{claim.id} · {claim.title} · {claim.where} · scale: {scale}", ""]
    cells = [
        (
            one.cell.row + "".join(f" [{k} {v}]" for k, v in one.cell.variant.items()),
            one.cell.dataset,
            one.cell.metric,
            printed(one),
            ours(one),
            one.state,
        )
        for one in judged
    ]
    head = ("row", "data set", "metric", "printed", "ours", "state")
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    for line in [head, tuple("-" * width for width in widths), *cells]:
        padded = (value.ljust(width) for value, width in zip(line, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    reasons = dict.fromkeys(f"{one.state}: {one.why}" for one in judged if one.why)
    lines += ["", *reasons]
    if claim.note:
        lines += ["", claim.note]
    return "\n".join(lines)


def as_html(claim: Claim, scale: str, judged: Sequence[Judged]) -> str:
    """Rows by (data set, metric), each cell `printed | ours` and coloured by its state.

    Our number leads to its first record by a link `record:KEY`, which the site's build resolves; a
    calculated one says so.
    """
    places = _places(judged)
    rows = list(dict.fromkeys(row for row, _ in places))
    columns = list(dict.fromkeys(column for _, column in places))
    cells = {(row, *column): one for (row, column), one in zip(places, judged, strict=True)}
    groups = list(dict.fromkeys(dataset for dataset, _ in columns))
    spans = {group: sum(dataset == group for dataset, _ in columns) for group in groups}
    head = "".join(f'<th colspan="{spans[g]}">{html.escape(g)}</th>' for g in groups)
    ordered = [column for group in groups for column in columns if column[0] == group]
    names = "".join(f"<th>{html.escape(heading)}</th>" for _, heading in ordered)
    second = f"<tr><td></td>{names}</tr>" if any(heading for _, heading in ordered) else ""
    body = "".join(
        f"<tr><th>{html.escape(row)}</th>"
        + "".join(_html_cell(cells.get((row, *column)), scale) for column in ordered)
        + "</tr>"
        for row in rows
    )
    caption = (
        f"<b>{html.escape(claim.title)}</b> ({html.escape(claim.where)}). Printed above, ours below"
        f"{_kind(judged, scale)}."
    )
    return (
        f'<div class="claim-scroll"><table class="claim" id="{claim.id}-{scale}">'
        f"<caption>{caption}</caption><thead><tr><td></td>{head}</tr>{second}"
        f"</thead><tbody>{body}</tbody></table></div>"
        + download(f"{claim.id}-{scale}", render(claim, scale, judged, "csv"))
    )


def _kind(judged: Sequence[Judged], scale: str) -> str:
    """What a table's values are."""
    if any(one.computed for one in judged) and not any(one.recorded for one in judged):
        return f", {CALCULATED}: without a run, and the same at every scale"
    return f": mean ± deviation over seeds, scale <b>{scale}</b>"


def _places(judged: Sequence[Judged]) -> list[tuple[str, tuple[str, str]]]:
    """Each cell's row and column, (data set, heading).

    The metric heads the columns and the variant follows the row's name, unless every row measures
    something else: then a row is its metric, and the variant heads the columns. Rows that are data sets,
    each of one of its own, share their columns.
    """
    metrics = {(one.cell.row, one.cell.metric) for one in judged}
    own = len({row for row, _ in metrics}) == len({metric for _, metric in metrics}) == len(metrics) > 1
    kinds = {(one.cell.row, one.cell.dataset) for one in judged}
    apart = len({row for row, _ in kinds}) == len({data for _, data in kinds}) == len(kinds) > 1
    places = []
    for one in judged:
        variant = " ".join(str(value) for value in one.cell.variant.values())
        metric = METRICS.get(one.cell.metric, one.cell.metric.replace("_", " "))
        row, heading = (one.cell.row, variant) if own else (f"{one.cell.row} {variant}".strip(), metric)
        places.append((row, ("" if apart else one.cell.dataset, heading)))
    return places


def _html_cell(judged: Judged | None, scale: str) -> str:
    if judged is None:
        return "<td></td>"
    above = html.escape(printed(judged))
    above = {"bold": f"<b>{above}</b>", "underlined": f"<u>{above}</u>"}.get(judged.cell.mark, above)
    got, state = judged.obtained, standing(judged, scale)
    if got is None:
        below = label = "stale" if "stale" in judged.why else state
    else:
        label, below = state, linked(got, judged.cell)
    title = label + (f": {judged.why}" if judged.why else "")
    if got is not None and judged.recorded:
        title += f"; seeds {', '.join(map(str, got.seeds))}; records {', '.join(got.records)}"
    return (
        f'<td class="{state_class(label)}" title="{html.escape(title)}">'
        f'<span class="printed">{above}</span><span class="ours">{below}</span></td>'
    )


def linked(got: Obtained, cell: Cell) -> str:
    """Our value, leading to its first record; or saying that it was calculated."""
    text = spread(got, cell)
    return record_link(got.records[0], text) if got.records else f"{text} <small>{CALCULATED}</small>"


def record_link(key: str, text: str) -> str:
    """A link to a record, from whatever page."""
    return f'<a href="record:{key}">{html.escape(text)}</a>'

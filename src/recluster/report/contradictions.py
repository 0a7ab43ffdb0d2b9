"""What the papers leave open, as a table whose checks are computed when it is made, and a figure."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recluster.papers import CLAIMS, PAPERS
from recluster.papers.contradictions import CONTRADICTIONS, FOREMOST, KINDS, Claims, Contradiction
from recluster.papers.contradictions.checks_across import AVERAGES, SETS, quoted
from recluster.papers.contradictions.entry import Finding
from recluster.report.figure import STYLE
from recluster.report.forest import WIDTH
from recluster.report.table import Html
from recluster.spec import one_of

NAMES = {
    "pcx": "PC-X", "ulhe": "ULHE-DC", "dynae": "DynAE", "dcss": "DCSS", "secu": "SeCu",
    "across": "between the papers",
}  # fmt: skip
MARKS = {
    "checked: holds": "state-differs",
    "checked: does not hold": "state-agrees",
    "by reading": "state-not-run",
}
"""What a check can say, and the colour of it: that of a difference where a contradiction holds."""

COLOURS = {"pcx": "#1b6ca8", "ulhe": "#c2571a", "dynae": "#3f8f4f", "dcss": "#8a4fa3"}
SHAPES = {"pcx": "o", "ulhe": "s", "dynae": "D", "dcss": "^"}

STYLES = """<style>
.bd-article .cell_output table.places {display: block; width: 100%}
table.places :is(thead, tbody) {display: block}
table.places thead tr {display: flex; flex-wrap: wrap; gap: 0 1rem}
table.places thead th {border: 0 !important; padding: .2rem .4rem !important}
table.places tbody tr {display: grid; grid-template-columns: repeat(12, 1fr); padding: .5rem 0;
  border-bottom: 1px solid var(--pst-color-border)}
table.places tbody tr[hidden] {display: none}
.bd-article .cell_output table.places tbody td {border: 0; padding: .15rem .5rem; white-space: normal;
  text-align: left; overflow-wrap: anywhere; grid-column: span 4}
.bd-article .cell_output table.places td.short {grid-column: span 3; color: var(--pst-color-text-muted)}
table.places small {display: block; margin-top: .3rem; color: var(--pst-color-text-muted)}
table.places p {margin: 0 0 .4rem}
@media (max-width: 760px) {
  .bd-article .cell_output table.places tbody td {grid-column: 1 / -1}
  .bd-article .cell_output table.places td.short {grid-column: span 6}
}
</style>"""
HEADS = {
    "place": "text", "paper": "choice", "kind": "choice", "checked": "choice", "what is said": "text",
    "what follows, and what we do": "text", "evidence": "text",
}  # fmt: skip
"""A column's heading, and how the page's script treats it: by a list of its values, or by its words."""


def mark(finding: Finding | None) -> str:
    """What is said of an entry: one of `MARKS`."""
    if finding is None:
        return "by reading"
    return "checked: holds" if finding.holds else "checked: does not hold"


def found(claims: Claims) -> dict[str, Finding | None]:
    """Every entry's finding, computed now; None where only reading can tell."""
    return {name: entry.check(claims) if entry.check else None for name, entry in CONTRADICTIONS.items()}


def summary(claims: Claims = CLAIMS) -> str:
    """How many places each paper has, by what a check says of them."""
    counts = Counter(
        (CONTRADICTIONS[name].paper, mark(finding)) for name, finding in found(claims).items()
    )
    head = "".join(f"<th>{title}</th>" for title in (*MARKS, "all"))
    body = ""
    for paper, title in [*NAMES.items(), (None, "all")]:
        cells = [
            sum(number for (own, told), number in counts.items() if told == one and paper in (own, None))
            for one in MARKS
        ]
        numbers = "".join(f"<td>{number}</td>" for number in (*cells, sum(cells)))
        body += f"<tr><th>{title}</th>{numbers}</tr>"
    return (
        '<div class="claim-scroll"><table class="claim"><caption>Places by paper. A check is '
        "arithmetic on the printed cells or on the method's equations, done when this page was made."
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def foremost(claims: Claims = CLAIMS) -> str:
    """The dozen that matter most, in their order."""
    findings = found(claims)
    rows = "".join(_row(CONTRADICTIONS[name], findings[name]) for name in FOREMOST)
    return f'{STYLES}<table class="places"><tbody>{rows}</tbody></table>'


def everything(claims: Claims = CLAIMS) -> str:
    """All places, paper by paper; where scripts run, they can be searched, filtered and sorted."""
    findings = found(claims)
    rows = "".join(_row(CONTRADICTIONS[name], finding) for name, finding in findings.items())
    head = "".join(f'<th data-kind="{kind}">{title}</th>' for title, kind in HEADS.items())
    return (
        f'{STYLES}<div class="board"><table class="board places"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(entry: Contradiction, finding: Finding | None) -> str:
    told = mark(finding)
    short = "".join(
        f'<td class="short">{text}</td>'
        for text in (
            f"<b>{entry.id}</b>",
            NAMES[entry.paper],
            KINDS[entry.kind],
            f'<span class="{MARKS[told]}">{told}</span>',
        )
    )
    evidence = html.escape(finding.evidence) if finding else ""
    return (
        f"<tr>{short}"
        f"<td>{html.escape(entry.said)}<small>{html.escape(entry.where)}</small></td>"
        f"<td><p>{html.escape(entry.follows)}</p><p><i>Here:</i> {html.escape(entry.done)}</p>"
        f"<small>{_references(entry)}</small></td><td><small>{evidence}</small></td></tr>"
    )


def _references(entry: Contradiction) -> str:
    departure = [f"departure {entry.departure} of {NAMES[entry.paper]}"] if entry.departure else []
    return ", ".join([*departure, *(f"<code>{name}</code>" for name in entry.claims)])


def baselines() -> Figure:
    """ACC of the same baseline in several papers: a panel a data set, a mark a paper."""
    places = quoted(CLAIMS)
    rows = {data: [row for row, name in places if name == data] for data in SETS}
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            len(SETS),
            1,
            figsize=(WIDTH, 8.4),
            sharex=True,
            layout="constrained",
            gridspec_kw={"height_ratios": [len(names) + 1 for names in rows.values()]},
        )
        for panel, (data, names) in zip(axes, rows.items(), strict=True):
            for height, row in enumerate(reversed(names)):
                values = {name.partition(".")[0]: acc for name, (acc, _) in places[row, data].items()}
                panel.hlines(height, min(values.values()), max(values.values()), color="0.75", lw=2)
                for paper, acc in values.items():
                    panel.plot(acc, height, SHAPES[paper], color=COLOURS[paper], ms=5, alpha=0.85)
            panel.set(yticks=range(len(names)), yticklabels=names[::-1], ylim=(-0.6, len(names) - 0.4))
            panel.tick_params(axis="y", labelsize=8)
            panel.set_title(data, loc="left", fontsize=9)
        handles = [
            Line2D([], [], color=COLOURS[p], marker=SHAPES[p], ls="", label=NAMES[p]) for p in COLOURS
        ]
        axes[-1].set_xlabel("ACC as printed, percent")
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=len(handles),
            columnspacing=1,
            handletextpad=0,
        )
    plt.close(figure)
    return figure


def baselines_table() -> str:
    """The figure's numbers: ACC and NMI of each baseline in each paper."""
    papers = [name for name in PAPERS if name in AVERAGES]
    head = "".join(f"<th>{NAMES[name]}</th>" for name in papers)
    body = ""
    for (row, data), tables in quoted(CLAIMS).items():
        values = {name.partition(".")[0]: f"{acc:g} / {nmi:g}" for name, (acc, nmi) in tables.items()}
        span = max(acc for acc, _ in tables.values()) - min(acc for acc, _ in tables.values())
        cells = "".join(f"<td>{values.get(name, '')}</td>" for name in papers)
        body += f"<tr><th>{row}</th><td>{data}</td>{cells}<td>{span:.1f}</td></tr>"
    return (
        '<div class="claim-scroll"><table class="claim"><caption>ACC / NMI in percent, as printed, and '
        "how many points of ACC lie between the least and the greatest.</caption><thead><tr><td></td>"
        f"<th>data set</th>{head}<th>apart</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


PARTS: dict[str, Callable[[], Figure | str]] = {
    "summary": summary,
    "foremost": foremost,
    "everything": everything,
    "baselines": baselines,
    "baselines table": baselines_table,
}


def shown(name: str) -> Figure | Html:
    """A part of the page, computed now; nothing in it rests on records, so it has no scale."""
    one_of("part", name, PARTS)
    made = PARTS[name]()
    return Html(made) if isinstance(made, str) else made

"""What a notebook calls: a page of one paper at one scale, whose parts display themselves."""

from __future__ import annotations

import html
import re
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib.figure import Figure

from recluster.methods import METHODS
from recluster.papers import CHAPTERS, CLAIMS, PAPERS, find
from recluster.papers.claim import Claim
from recluster.papers.comparison import METHODS_COMPARED
from recluster.report import (
    card,
    choosing,
    confusion,
    contradictions,
    cost,
    figure,
    ladder,
    leaks_shown,
    pilot,
    protocol,
    starts,
)
from recluster.report.explorer import Explorer
from recluster.report.gains import as_html as gains_table
from recluster.report.gains import gains
from recluster.report.protocol import Part
from recluster.report.records import Listing, listing
from recluster.report.scoreboard import Scoreboard, scoreboard
from recluster.report.settings import settings_table
from recluster.report.table import Html, as_html, counted, direction, standing
from recluster.report.toys import TOYS
from recluster.report.verdict import CALCULATED, best_scale, judge
from recluster.spec import SCALES, Config, InputError, check_scale, one_of
from recluster.store import Snapshot, Store

PARAMETERS = ("scale",)
NOTEBOOK_NAMES = {"In", "Out", "get_ipython", "exit", "quit", "open"}


@dataclass(frozen=True)
class Page:
    """One paper's claims at one scale, from one store."""

    paper: str
    scale: str
    store: Store

    def card(self, *names: str) -> Html:
        """What is claimed, what we found, what it cost and rests on, and the command."""
        claims = [find(name) for name in names] or self.claims()
        results = [(c, s, judge(c, s, self.store)) for c in claims for s in self.scales(c)]
        return Html(card.as_html(results, self.scale, self.store))

    def scoreboard(self) -> Scoreboard:
        """All papers' printed numbers at the page's scale, and at smaller ones where that lacks runs."""
        return scoreboard(self.scale, self.store)

    def records(self) -> Listing:
        """Every record, whatever its scale."""
        return listing(self.store)

    def claims(self) -> list[Claim]:
        """The paper's claims, in the order of its pages."""
        return [claim for claim in CLAIMS.values() if claim.paper == self.paper]

    def scales(self, claim: Claim) -> list[str]:
        """The page's scale and, while that lacks runs, the largest smaller scale with records.

        A claim of ours is shown at the largest scale that it plans, which is what it is about.
        """
        planned = [at for at in SCALES[: SCALES.index(self.scale) + 1] if claim.plan.get(at)]
        if claim.ours and planned and self.scale not in planned:
            return planned[-1:]
        smaller = SCALES[: SCALES.index(self.scale)]
        complete = all(one.state != "not run" for one in judge(claim, self.scale, self.store))
        if complete or not smaller:
            return [self.scale]
        fallback = best_scale(claim, self.store, at_most=smaller[-1])
        filled = any(one.recorded for one in judge(claim, fallback, self.store))
        return [self.scale, fallback] if filled else [self.scale]

    def table(self, name: str) -> Html:
        """The claim, printed beside ours, at the page's scale; then what a smaller scale gave."""
        claim = find(name)
        parts = []
        first, *_ = scales = self.scales(claim)
        for scale in scales:
            judged = judge(claim, scale, self.store)
            if scale != first:
                judged = [one for one in judged if one.recorded]
                parts.append(
                    f'<p class="smaller">Runs of the {first} scale are missing: '
                    f"<code>recluster run {claim.id} --scale {first}</code>. "
                    f"What the <b>{scale}</b> scale gave, on its own data:</p>"
                )
            parts.append(as_html(claim, scale, judged))
        if claim.note:
            parts.append(f'<p class="claim-note">{html.escape(claim.note)}</p>')
        return Html("\n".join(parts))

    def figure(self, name: str) -> Figure | Html:
        """The claim's figure at the page's scale, or at the largest smaller one with records."""
        claim = find(name)
        scale = best_scale(claim, self.store, at_most=self.scale)
        drawn = figure.draw(claim, scale, self.store)
        if drawn is None:
            command = f"recluster run {claim.id} --scale {self.scale}"
            return Html(f'<p class="state-not-run">not run: <code>{command}</code></p>')
        drawn.suptitle(f"{claim.where.split(',')[0]} · scale: {scale}", fontsize=8, x=0, ha="left")
        return drawn

    def order(self, name: str, metric: str) -> Html:
        """The claim's rows from best to worst by a metric, as printed and as we find them."""
        claim = find(name)
        lines = []
        for scale in self.scales(claim):
            judged = [
                j
                for j in judge(claim, scale, self.store)
                if j.cell.metric == metric and j.cell.across is None
            ]
            for dataset in dict.fromkeys(one.cell.dataset for one in judged):
                here = [one for one in judged if one.cell.dataset == dataset]
                printed = {j.cell.row: j.cell.printed for j in here if j.cell.printed is not None}
                ours = {j.cell.row: j.obtained.mean for j in here if j.obtained}
                for label, values in (("printed", printed), (f"ours at {scale} scale", ours)):
                    if values:
                        ranking = " &gt; ".join(sorted(values, key=values.__getitem__, reverse=True))
                        lines.append(f"<li>{dataset}, {label}: {ranking}</li>")
        return Html(f"<ul>{''.join(dict.fromkeys(lines))}</ul>")

    def gap(self, name: str) -> Html:
        """How far our runs are from the printed accuracy, in a sentence for each data set."""
        claim = find(name)
        return Html(ladder.gap(claim, best_scale(claim, self.store, at_most=self.scale), self.store))

    def closing(self, name: str) -> Html:
        """How much of that gap each row of a ladder closes, and what that says of it as a cause."""
        claim = find(name)
        return Html("".join(ladder.closing(claim, at, self.store) for at in self.scales(claim)))

    def added(self, name: str) -> Html:
        """What clustering adds to starts of every length, in a sentence for each data set."""
        claim = find(name)
        return Html(starts.told(claim, best_scale(claim, self.store, at_most=self.scale), self.store))

    def piloted(self, name: str) -> Html:
        """What the rule of a pilot, which reads no label, takes."""
        claim = find(name)
        return Html(starts.piloted(claim, self.scale, self.store))

    def mistakes(self, name: str) -> Html:
        """Which classes the claim's runs split and merge, seed by seed."""
        claim = find(name)
        scale = best_scale(claim, self.store, at_most=self.scale)
        return Html(confusion.mistakes(figure.first_records(claim, scale, self.store), self.store))

    def settings(self, name: str, *rows: str) -> Html:
        """Where the smaller scales depart from the paper's settings, for these rows of a claim."""
        return Html(settings_table(find(name), rows))

    def gains(self, name: str = METHODS_COMPARED.id) -> Html:
        """What every method adds to its start, at the page's scale or a smaller one with records."""
        claim = find(name)
        scale = self.scales(claim)[-1]
        return Html(gains_table(gains(claim.plan[scale], scale, self.store), scale))

    def pilot(self) -> Html:
        """Which settings of PC-X's pilot keep its rule, and which it takes."""
        return Html(pilot.as_html(self.scale, self.store))

    def protocol(self, part: str) -> Figure | Html:
        """A part of the statistics over all methods, named in `protocol.PARTS`."""
        return self._part(protocol.PARTS, part)

    def cost(self, part: str) -> Figure | Html:
        """A part of what the methods cost, named in `cost.PARTS`."""
        return self._part(cost.PARTS, part)

    def choosing(self, part: str) -> Figure | Html:
        """A part of how to choose without labels, named in `choosing.PARTS`."""
        return self._part(choosing.PARTS, part)

    def contradictions(self, part: str) -> Figure | Html:
        """What the papers leave open, each check computed now."""
        return contradictions.shown(part)

    def leaks(self, part: str) -> Figure | Html:
        """What choosing by labels would buy, and the margins that papers print."""
        return self._part(leaks_shown.PARTS, part)

    def explorer(self) -> Explorer:
        """Maps of embeddings and curves to walk through, at the scale that `gains` takes."""
        return Explorer(METHODS_COMPARED, _smallest_scale(self), self.store)

    def verdict(self, *names: str) -> Html:
        """How the claims' cells stand, counted; every count is computed from records or calculations."""
        items = []
        for claim in [find(name) for name in names] or self.claims():
            for scale in self.scales(claim):
                judged = judge(claim, scale, self.store)
                counts = counted(standing(one, scale) for one in judged)
                counts += f"; {told}" if (told := direction(judged)) else ""
                place = CALCULATED if claim.computed and not claim.plan else f"at {scale} scale"
                items.append(f"<li><code>{claim.id}</code> {place}: {counts}</li>")
        return Html(f"<ul>{''.join(items)}</ul>")

    def toy(self) -> Figure:
        """The method's idea on a few points, by its own equations."""
        return TOYS[self.paper]()

    def departures(self, method: str = "") -> Html:
        """The numbered departures of the paper's method and of its first phase, or of another method."""
        if method:
            return Html(departures(METHODS[method].config))
        chapter = PAPERS[self.paper]
        first = [chapter.FIRST.Config] if hasattr(chapter, "FIRST") else []
        return Html(departures(*first, chapter.METHOD.Config))

    def _part(self, parts: Mapping[str, Part], name: str) -> Figure | Html:
        """At the page's scale or a smaller one with records, as `gains`."""
        one_of("part", name, parts)
        shown = parts[name](_smallest_scale(self), self.store)
        return Html(shown) if isinstance(shown, str) else shown


@cache
def _smallest_scale(page: Page) -> str:
    """The last of the scales of the comparison; found once, for it judges every record."""
    return page.scales(METHODS_COMPARED)[-1]


def open_page(paper: str, namespace: Mapping[str, Any], store: Store | None = None) -> Page:
    """The page of a notebook whose global names are `namespace`.

    Raises:
        InputError: the scale is unknown, or a parameter was passed that the notebook does not have.
    """
    one_of("chapter", paper, CHAPTERS)
    foreign = [
        name
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in NOTEBOOK_NAMES
        and name not in PARAMETERS
        and not isinstance(value, types.ModuleType | types.FunctionType | type)
    ]
    if foreign:
        raise InputError(
            f"unknown parameter {', '.join(foreign)}; a notebook has one, scale: "
            f"papermill IN OUT -p scale smoke"
        )
    check_scale(namespace["scale"])
    return Page(paper, namespace["scale"], store or Snapshot())


def departures(*configs: type[Config]) -> str:
    """The lists under "Departures" in the docstrings of methods' pages as one, as HTML."""
    texts = [sys.modules[config.__module__].__doc__ or "" for config in configs]
    items: list[str] = []
    for line in "\n".join(text[text.index("Departures") :] for text in texts).splitlines():
        head, _, rest = line.strip().partition(". ")
        if head.isdigit():
            items.append(rest)
        elif items and line.strip():
            items[-1] += " " + line.strip()
    return f"<ol>{''.join(f'<li>{_code(item)}</li>' for item in items)}</ol>"


def _code(text: str) -> str:
    parts = html.escape(text, quote=False).split("`")
    marked = (f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
    return re.sub(r"\*(\w+)\*", r"<em>\1</em>", "".join(marked))

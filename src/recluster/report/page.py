"""What a notebook calls: a page of one paper at one scale, whose parts display themselves."""

from __future__ import annotations

import html
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from recluster.papers import CHAPTERS, CLAIMS, PAPERS, find
from recluster.papers.claim import Claim
from recluster.report import figure
from recluster.report.gains import as_html as gains_table
from recluster.report.gains import gains
from recluster.report.table import as_html
from recluster.report.toys import TOYS
from recluster.report.verdict import STATES, Judged, best_scale, judge
from recluster.spec import SCALES, InputError, check_scale, one_of
from recluster.store import Store

PARAMETERS = ("scale",)
NOTEBOOK_NAMES = {"In", "Out", "get_ipython", "exit", "quit", "open"}


@dataclass(frozen=True)
class Html:
    """A piece of a page; `text` is HTML."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


@dataclass(frozen=True)
class Page:
    """One paper's claims at one scale, from one store."""

    paper: str
    scale: str
    store: Store

    def card(self, *names: str) -> Html:
        """What the page rests on: its scale, and the records, seeds and commits behind its claims."""
        claims = [find(name) for name in names] or self.claims()
        judged = [(c, s, j) for c in claims for s in self.scales(c) for j in judge(c, s, self.store)]
        keys = {key for *_, one in judged if one.obtained for key in one.obtained.records}
        records = [record for record in self.store.records() if record.key in keys]
        seeds = sorted({record.run["seed"] for record in records})
        commits = sorted({str(record.environment["commit"]) for record in records})
        devices = sorted({str(record.environment["device"]) for record in records})
        scales = sorted({record.run["scale"] for record in records})
        hours = sum(record.seconds["total"] for record in records) / 3600
        facts = {
            "page": f"scale <b>{self.scale}</b>",
            "records": f"{len(records)}" + (f" ({', '.join(scales)})" if records else ""),
            "seeds": ", ".join(map(str, seeds)) or "none",
            "commit": ", ".join(commits) or "none",
            "cost": f"{hours:.1f} hours on {', '.join(devices)}" if records else "nothing yet",
            "cells": self._counts([one for *_, one in judged]),
            "again": f"<code>recluster run {' '.join(c.id for c in claims)} --scale {self.scale}</code>",
        }
        items = "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts.items())
        return Html(f'<dl class="card">{items}</dl>')

    def claims(self) -> list[Claim]:
        """The paper's claims, in the order of its pages."""
        return [claim for claim in CLAIMS.values() if claim.paper == self.paper]

    def scales(self, claim: Claim) -> list[str]:
        """The page's scale and, while that lacks runs, the largest smaller scale with records."""
        smaller = SCALES[: SCALES.index(self.scale)]
        complete = all(one.state != "not run" for one in judge(claim, self.scale, self.store))
        if complete or not smaller:
            return [self.scale]
        fallback = best_scale(claim, self.store, at_most=smaller[-1])
        filled = any(one.obtained for one in judge(claim, fallback, self.store))
        return [self.scale, fallback] if filled else [self.scale]

    def table(self, name: str) -> Html:
        """The claim, printed beside ours, at the page's scale; then what a smaller scale gave."""
        claim = find(name)
        parts = []
        for scale in self.scales(claim):
            judged = judge(claim, scale, self.store)
            if scale != self.scale:
                judged = [one for one in judged if one.obtained]
                parts.append(
                    f'<p class="smaller">Runs of the {self.scale} scale are missing: '
                    f"<code>recluster run {claim.id} --scale {self.scale}</code>. "
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
            judged = [j for j in judge(claim, scale, self.store) if j.cell.metric == metric]
            for dataset in dict.fromkeys(one.cell.dataset for one in judged):
                here = [one for one in judged if one.cell.dataset == dataset]
                printed = {j.cell.row: j.cell.printed for j in here if j.cell.printed is not None}
                ours = {j.cell.row: j.obtained.mean for j in here if j.obtained}
                for label, values in (("printed", printed), (f"ours at {scale} scale", ours)):
                    if values:
                        ranking = " &gt; ".join(sorted(values, key=values.__getitem__, reverse=True))
                        lines.append(f"<li>{dataset}, {label}: {ranking}</li>")
        return Html(f"<ul>{''.join(dict.fromkeys(lines))}</ul>")

    def gains(self) -> Html:
        """What every method adds to its start, at the page's scale or a smaller one with records."""
        (claim,) = self.claims()
        scale = self.scales(claim)[-1]
        return Html(gains_table(gains(claim.plan[scale], scale, self.store), scale))

    def verdict(self, *names: str) -> Html:
        """How the claims' cells stand, counted; every count is computed from the records."""
        items = []
        for claim in [find(name) for name in names] or self.claims():
            for scale in self.scales(claim):
                judged = judge(claim, scale, self.store)
                counts = self._counts(judged)
                items.append(f"<li><code>{claim.id}</code> at {scale} scale: {counts}</li>")
        return Html(f"<ul>{''.join(items)}</ul>")

    def toy(self) -> Figure:
        """The method's idea on a few points, by its own equations."""
        return TOYS[self.paper]()

    def departures(self) -> Html:
        """The numbered departures that stand at the top of the method's page."""
        return Html(departures(self.paper))

    def _counts(self, judged: list[Judged]) -> str:
        counts = {state: sum(one.state == state for one in judged) for state in STATES}
        return " ".join(
            f'<span class="state-{state.replace(" ", "-")}">{count} {state}</span>'
            for state, count in counts.items()
            if count
        )


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
    return Page(paper, namespace["scale"], store or Store())


def departures(paper: str) -> str:
    """The list under "Departures" in the docstring of the paper's method, as HTML."""
    lines = _section(paper).splitlines()
    items: list[str] = []
    for line in lines:
        head, _, rest = line.strip().partition(". ")
        if head.isdigit():
            items.append(rest)
        elif items and line.strip():
            items[-1] += " " + line.strip()
    return f"<ol>{''.join(f'<li>{_code(item)}</li>' for item in items)}</ol>"


def _section(paper: str) -> str:
    text = PAPERS[paper].METHOD.__doc__ or ""
    return text[text.index("Departures") :]


def _code(text: str) -> str:
    parts = html.escape(text, quote=False).split("`")
    marked = (f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
    return "".join(marked).replace("*summed*", "<em>summed</em>")

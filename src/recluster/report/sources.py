"""The page of the data: what each set holds, who claims what on it, and how to come by it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from recluster.data import DATASETS, Source
from recluster.papers import CLAIMS, PAPERS
from recluster.report.contradictions import NAMES
from recluster.spec import SCALES

HEADS = ("data set", "samples", "classes", "what it is, and whose claims are on it", "how to come by it")


def as_html() -> str:
    """A line for each data set; thinned sets and features of one set stand together."""
    rows = "".join(_row(names) for names in families())
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    return (
        f'<div class="board"><table class="board sources"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def families() -> Iterator[Sequence[str]]:
    """The names of the data sets, those together that differ in a rate or a network alone."""
    found: dict[str, list[str]] = {}
    for name, source in DATASETS.items():
        features = source.local.startswith("features/")
        family = f"{name.rpartition('-')[0]}-*" if features else name.partition("-r0.")[0]
        found.setdefault(family if features or "-r0." not in name else f"{family}-r*", []).append(name)
    yield from found.values()


def _row(names: Sequence[str]) -> str:
    sources = [DATASETS[name] for name in names]
    users = [NAMES[paper] for paper in PAPERS if paper in _users(names)]
    what = sources[0].description if len(names) == 1 else _together(names, sources)
    sizes = (f"{source.n:,} of {'×'.join(map(str, source.shape))}" for source in sources)
    cells = (
        "<br>".join(f"<code>{name}</code>" for name in names),
        "<br>".join(dict.fromkeys(sizes)),
        str(sources[0].k),
        html.escape(f"{what} ({', '.join(users)})" if users else what),
        html.escape(_way(names, sources[0])),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _together(names: Sequence[str], sources: Sequence[Source]) -> str:
    if sources[0].local:
        return f"features of {names[0].rpartition('-')[0]} from pretrained networks"
    return f"{names[0].partition('-r0.')[0]} with fewer samples of the first classes"


def _way(names: Sequence[str], source: Source) -> str:
    if source.local.startswith("features/"):
        return f"recluster data extract {names[0].rpartition('-')[0]}-…"
    if source.local:
        return source.remedy
    if not source.files:
        return "comes with scikit-learn"
    return f"recluster data fetch {names[0]}" if "/" in source.files[0] else "not to be fetched"


def _users(names: Sequence[str]) -> set[str]:
    return {
        claim.paper
        for claim in CLAIMS.values()
        for scale in SCALES
        for _, dataset, _ in claim.planned(scale)
        if dataset in names
    }

"""A clustering of somebody's own data as one page of HTML: it needs no network and no second file.

The page says in its first sentence what came out and whether k-means does as well; then come what to be
wary of, the scores, the clusters' sizes, a map, exemplars, the training curves, and how to repeat it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from recluster import __version__
from recluster.data.reading import Samples
from recluster.store import Array

MAPPED = 5000  # points on the map, and up to this many by t-SNE
WIDTH = 1000  # of the map, in units of its own
EDGE, FLATTEST = 0.05, 0.45  # of the map: free at each side, and the least height, over its width
LABELLED = 40  # groups whose names stand on the map, at most
THUMBNAIL = 96  # pixels a side, at most
NEAREST = 5  # samples shown of each cluster
TELLING = 4  # features shown of each cluster
COLOURS = (
    *("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1"),
    *("#6fb3ad", "#d1a312", "#ef8fa0", "#9c755f", "#8a929c"),
)
MARGIN = 0.01  # scores that differ by no more count as equal: seeds differ by more
BETTER, WORSE, EVEN, MIXED = "better", "worse", "even", "mixed"


@dataclass(frozen=True, kw_only=True)
class Caution:
    """Something to be wary of: what it is, by a word and a sentence, and what to do."""

    kind: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The clustering beside k-means on the same data.

    Attributes:
        ours: score to value; "ACC", "NMI" and "ARI" if there are classes, and "silhouette" on the data
            as they were clustered. None where it is not defined, with a single cluster.
        kmeans: the same of k-means; None if the method is itself k-means on the data.
        agreement: ARI between both clusterings; None without k-means.
        verdict: BETTER, WORSE, EVEN or MIXED, by the three scores, else by the silhouette; None without
            k-means or where no score is defined.
    """

    ours: Mapping[str, float | None]
    kmeans: Mapping[str, float | None] | None = None
    agreement: float | None = None
    verdict: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What the page shows.

    Attributes:
        name: of the data.
        samples: as they were read, even if they were standardised for the clustering.
        labels: cluster numbers (n,) in 0..k-1.
        probabilities: of each sample's own cluster (n,), None if the method knows only yes and no.
        embedding: (n, d).
        exemplars: decoded centroids (k, ...) in the shape of samples, or None.
        curves: phase to curve to a value for each epoch.
        seconds: of training.
        settings: the method's, by name.
        command: what to type to repeat it.
    """

    name: str
    method: str
    k: int
    seed: int
    samples: Samples
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32] | None
    embedding: Array
    exemplars: Array | None
    curves: Mapping[str, Mapping[str, Sequence[float]]]
    seconds: float
    comparison: Comparison
    cautions: tuple[Caution, ...]
    settings: Mapping[str, object]
    command: str

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Samples in each cluster, (k,)."""
        return np.bincount(self.labels, minlength=self.k)


def headline(outcome: Outcome) -> str:
    """What came out, and how it stands beside k-means."""
    filled = int((outcome.sizes > 0).sum())
    empty = f" ({outcome.k - filled} more are empty)" if filled < outcome.k else ""
    head = f"{filled} cluster{'s' if filled > 1 else ''} of {len(outcome.labels):,} samples{empty}"
    comparison = outcome.comparison
    if comparison.kmeans is None:
        return f"{head}, by k-means itself"
    if comparison.verdict is None:
        return f"{head}; no score to compare with k-means"
    scored, compact = {
        BETTER: ("beats k-means", "more compact than k-means"),
        WORSE: ("falls behind k-means", "less compact than k-means"),
        EVEN: ("does as well as k-means", "as compact as k-means"),
        MIXED: ("better than k-means by one score, worse by another", ""),
    }[comparison.verdict]
    return f"{head}; {scored if 'ACC' in comparison.ours else compact}"


def evidence(outcome: Outcome) -> str:
    """The scores behind the headline."""
    ours, theirs = outcome.comparison.ours, outcome.comparison.kmeans
    names = [name for name in ours if name != "silhouette"] or ["silhouette"]
    if theirs is None:
        return ", ".join(f"{name} {number(ours[name])}" for name in names) + "."
    pairs = ", ".join(f"{name} {number(ours[name])} against {number(theirs[name])}" for name in names)
    if names != ["silhouette"]:
        return f"{pairs}."
    agreement = number(outcome.comparison.agreement)
    return (
        f"{pairs}; both clusterings agree to {agreement} (ARI). "
        f"Without classes nobody can say which is better."
    )


def summary(outcome: Outcome) -> str:
    """Headline and evidence as one line."""
    return f"{headline(outcome)}: {evidence(outcome)}"


def number(value: float | None) -> str:
    """Three decimals with a true minus sign, or a dash."""
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def compact(value: float) -> str:
    """Four digits, and thousands written out."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def page(outcome: Outcome) -> str:
    """The whole page as HTML."""
    sections = (
        _cautions(outcome.cautions),
        _section("Beside k-means" if outcome.comparison.kmeans else "Scores", _scores(outcome)),
        _section("Cluster sizes", _sizes(outcome)),
        _section("Map of the embedding", _map(outcome)),
        _section("What the clusters look like", _exemplars(outcome)),
        _section("Training", _curves(outcome)),
        _section("How to repeat it", _method(outcome)),
    )
    title = f"{escape(outcome.method)} on {escape(outcome.name)}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">{title}</p>
<h1>{escape(headline(outcome))}.</h1>
<p class="evidence">{escape(evidence(outcome))}</p>
<p class="lead">{escape(_lead(outcome))}</p>
</header>
{"".join(sections)}
</main>
<footer>Made by recluster {__version__}. Classes, where given, served for scores alone: training never
saw them.</footer>
</body>
</html>
"""


def _lead(outcome: Outcome) -> str:
    shape = " × ".join(map(str, outcome.samples.x.shape[1:]))
    kind = f"Images of {shape}" if outcome.samples.images else f"Rows of {shape} features"
    notes = " ".join(outcome.samples.notes)
    return (
        f"{kind}, clustered in {duration(outcome.seconds)}. {notes} One run with one seed: results vary "
        f"between seeds, so try others before trusting a small difference."
    )


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{heading}</h2>{content}</section>\n" if content else ""


def _cautions(cautions: Sequence[Caution]) -> str:
    items = "".join(
        f'<li class="caution" data-kind="{one.kind}"><b>{escape(one.title)}</b> {escape(one.text)}</li>'
        for one in cautions
    )
    return f'<section aria-label="Warnings"><ul class="cautions">{items}</ul></section>' if items else ""


# --- scores ---------------------------------------------------------------------------------------


def _scores(outcome: Outcome) -> str:
    comparison = outcome.comparison
    rows = {outcome.method: comparison.ours}
    if comparison.kmeans is not None:
        rows["k-means on the data"] = comparison.kmeans
    names = list(comparison.ours)
    best = {
        name: max(value for values in rows.values() if (value := values[name]) is not None)
        for name in names
        if len(rows) > 1 and any(values[name] is not None for values in rows.values())
    }
    body = "".join(
        f'<tr><th scope="row">{escape(row)}</th>'
        + "".join(
            f'<td class="{"best" if name in best and values[name] == best[name] else ""}">'
            f"{number(values[name])}</td>"
            for name in names
        )
        + "</tr>"
        for row, values in rows.items()
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    table = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="card scroll">{table}</div><p class="caption">{escape(_reading(comparison))}</p>'


def _reading(comparison: Comparison) -> str:
    """How the table is to be read."""
    words = []
    if comparison.kmeans is None:
        words.append(
            "The method is k-means on the data themselves: there is nothing to compare it with."
        )
    else:
        words.append(
            "k-means ran on the same data, 20 restarts, same seed. Both clusterings agree to "
            f"{number(comparison.agreement)} (ARI: 1 is the same clustering, 0 is chance). Differences "
            f"of {MARGIN} or less count as none."
        )
    if "ACC" in comparison.ours:
        words.append("ACC, NMI and ARI compare clusters with the given classes; 1 is perfect.")
    words.append(
        "The silhouette needs no classes: on the data as they were clustered, it asks how much closer a "
        "sample is to its own cluster than to the next, from -1 to 1. That is nearly what k-means "
        "optimises, so it favours k-means; a deep method that finds curved groups may score lower and "
        "be right."
    )
    return " ".join(words)


# --- sizes ----------------------------------------------------------------------------------------


def _sizes(outcome: Outcome) -> str:
    sizes, n, y = outcome.sizes, len(outcome.labels), outcome.samples.y
    largest = int(sizes.max())
    items = []
    for cluster, size in enumerate(sizes):
        mostly = ""
        if y is not None:
            mostly = f'<span class="mostly">{_mostly(y[outcome.labels == cluster], outcome)}</span>'
        items.append(
            f'<li><span class="number">{cluster}</span><span class="track">'
            f'<span class="bar" style="width:{100 * size / largest:.1f}%;'
            f'background:{colour(cluster, outcome.k)}"></span></span>'
            f'<span class="count">{size:,} <small>{size / n:.1%}</small></span>{mostly}</li>'
        )
    even = 100 * n / outcome.k / largest
    classes = "" if y is None else " Beside each, the class that most of them have."
    wide = (" many" if outcome.k > 20 else "") + (" classed" if y is not None else "")
    return (
        f'<ol class="card sizes{wide}" style="--even:{even:.1f}%">{"".join(items)}</ol>'
        f'<p class="caption">Samples in each cluster. The thin line marks an even share, '
        f"{n / outcome.k:,.0f}.{classes}</p>"
    )


def _mostly(y: Array, outcome: Outcome) -> str:
    if not len(y):
        return ""
    counts = np.bincount(y)
    return f"{counts.max() / len(y):.0%} class {escape(outcome.samples.classes[counts.argmax()])}"


def colour(cluster: int, k: int) -> str:
    """A colour a cluster, readable on light and dark paper."""
    if k <= len(COLOURS):
        return COLOURS[cluster % len(COLOURS)]
    lightness = 46 + 12 * (cluster % 2)
    return f"hsl({cluster * 360 / k:.0f} 52% {lightness}%)"


# --- the map --------------------------------------------------------------------------------------


def _map(outcome: Outcome) -> str:
    if not float(np.ptp(outcome.embedding, axis=0).max()) > 0:
        return '<p class="card">All samples have the same embedding: there is nothing to draw.</p>'
    rows, points, how = placed(outcome.embedding)
    labels, k = outcome.labels[rows], outcome.k
    names = [str(cluster) for cluster in range(k)]
    panels = _panel("by cluster", points, labels, names, [colour(c, k) for c in range(k)])
    y = outcome.samples.y
    if y is not None:
        colours = _class_colours(outcome.labels, y, k)
        panels += _panel("by class", points, y[rows], outcome.samples.classes, colours)
    shown = "" if len(rows) == len(outcome.labels) else f" {len(rows):,} samples, drawn at random."
    same = " A class has the colour of the cluster that fits it best, or none." if y is not None else ""
    return (
        f'<div class="panels">{panels}</div><p class="caption">The {outcome.embedding.shape[1]} '
        f"dimensions of the embedding in two, by {how}.{shown}{same}</p>"
    )


def placed(embedding: Array) -> tuple[NDArray[np.int64], Array, str]:
    """Which rows are shown, their points (m, 2), and how those were found: t-SNE, or PCA if many."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    z = np.asarray(embedding, np.float64)
    n = len(z)
    rows = np.sort(np.random.default_rng(0).permutation(n)[:MAPPED])
    z = np.pad(z, ((0, 0), (0, max(0, 2 - z.shape[1]))))  # a single dimension gets a second
    if not 10 <= n <= MAPPED:
        return rows, PCA(2, random_state=0).fit(z).transform(z[rows]), "PCA"
    reduced = PCA(50, random_state=0).fit_transform(z) if min(z.shape) > 50 else z
    perplexity = min(30.0, (n - 1) / 3)
    points = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(reduced)
    return rows, points, "t-SNE, which keeps neighbours together but not distances or sizes"


def _class_colours(labels: Array, y: Array, k: int) -> list[str]:
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    filled = np.unique(labels)
    table = contingency_matrix(y, labels)
    pairs = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    matched = {int(name): int(filled[own]) for name, own in pairs}
    return [colour(matched[c], k) if c in matched else "var(--soft)" for c in range(len(table))]


def _panel(
    title: str, points: Array, groups: Array, names: Sequence[str], colours: Sequence[str]
) -> str:
    """Points (m, 2) in the colours of their groups, whose names stand at the medians."""
    extent = np.ptp(points, axis=0)
    span = float(max(extent[0], extent[1])) or 1.0
    height = round(WIDTH * min(1.0, max(FLATTEST, extent[1] / span + 2 * EDGE)))
    centred = (points - points.min(0) - extent / 2) / span * (1 - 2 * EDGE) * WIDTH
    spots = np.rint(centred * (1, -1) + (WIDTH / 2, height / 2)).astype(int)
    size = 9 if len(points) > 2000 else 13
    paths, marks = [], []
    for group in np.unique(groups):
        mine = spots[groups == group]
        strokes = "".join(f"M{x} {y}h0" for x, y in mine)
        name = escape(names[group])
        paths.append(f'<path d="{strokes}" stroke="{colours[group]}"><title>{name}</title></path>')
        x, y = np.median(mine, axis=0)
        if len(names) <= LABELLED:
            marks.append(f'<text x="{x:.0f}" y="{y:.0f}">{name}</text>')
    return (
        f'<figure class="card"><figcaption>{title}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Map of the embedding {title}">'
        f'<g class="points" stroke-width="{size}">{"".join(paths)}</g>{"".join(marks)}</svg></figure>'
    )


# --- exemplars ------------------------------------------------------------------------------------


def nearest(outcome: Outcome, cluster: int, count: int) -> NDArray[np.int64]:
    """The rows of a cluster that lie nearest to its mean in the embedding, at most `count`."""
    rows = np.flatnonzero(outcome.labels == cluster)
    members = outcome.embedding[rows]
    distances = np.linalg.norm(members - members.mean(0), axis=1)
    return rows[np.argsort(distances, kind="stable")[:count]]


def _exemplars(outcome: Outcome) -> str:
    return _pictures(outcome) if outcome.samples.images else _rows(outcome)


def _pictures(outcome: Outcome) -> str:
    decoded = outcome.exemplars
    cards = []
    for cluster, size in enumerate(outcome.sizes):
        rows = nearest(outcome, cluster, NEAREST) if size else np.array([], np.int64)
        large = decoded[cluster] if decoded is not None else None
        if large is None and size:
            large, rows = outcome.samples.x[rows[0]], rows[1:]
        picture = "" if large is None else _image(large, f"Exemplar of cluster {cluster}")
        small = "".join(_image(outcome.samples.x[row], f"Sample {row}") for row in rows)
        cards.append(
            f'<li class="card exemplar" style="--own:{colour(cluster, outcome.k)}">{picture}'
            f"<p><b>{cluster}</b> {size:,}</p>"
            f'<div class="strip">{small}</div></li>'
        )
    large = "The centroid as the network decodes it" if decoded is not None else "The nearest sample"
    return (
        f'<ul class="exemplars">{"".join(cards)}</ul><p class="caption">{large}, and below it the '
        f"samples nearest to the cluster's mean in the embedding.</p>"
    )


def _image(pixels: Array, words: str) -> str:
    """An image (c, h, w) in [0, 1] as an element that holds its own content."""
    from PIL import Image

    content = np.rint(pixels.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)
    colours = content.transpose(1, 2, 0) if len(content) == 3 else content.mean(0).astype(np.uint8)
    picture = Image.fromarray(colours)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    coded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{coded}" alt="{escape(words)}">'


def _rows(outcome: Outcome) -> str:
    x, features = outcome.samples.x.astype(np.float64), outcome.samples.features
    mean, spread = x.mean(0), x.std(0)
    lines = []
    for cluster in np.flatnonzero(outcome.sizes).tolist():
        row = nearest(outcome, cluster, 1)[0]
        centre = x[outcome.labels == cluster].mean(0)
        apart = np.divide(centre - mean, spread, out=np.zeros_like(mean), where=spread > 0)
        telling = np.argsort(-np.abs(apart), kind="stable")[:TELLING]
        chips = "".join(
            f'<span class="chip">{escape(features[f])} <b>{x[row, f]:.4g}</b> '
            f"<small>{apart[f]:+.1f} σ</small></span>"
            for f in telling
        )
        lines.append(
            f'<tr style="--own:{colour(cluster, outcome.k)}"><th scope="row">{cluster}</th>'
            f'<td>row {row}</td><td><div class="chips">{chips}</div></td></tr>'
        )
    head = '<th scope="col">cluster</th><th scope="col">nearest</th><th scope="col">its values</th>'
    return (
        f'<div class="card scroll"><table class="telling"><thead><tr>{head}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div><p class="caption">The row nearest to each '
        f"cluster's mean in the embedding, with the features that set the cluster most apart: σ says by "
        f"how many standard deviations the cluster's mean differs from that of all samples.</p>"
    )


# --- training -------------------------------------------------------------------------------------


def _curves(outcome: Outcome) -> str:
    charts = "".join(
        _curve(phase, name, values)
        for phase, curves in outcome.curves.items()
        for name, values in curves.items()
    )
    return f'<div class="charts">{charts}</div><p class="caption">Means over each epoch.</p>'


def _curve(phase: str, name: str, values: Sequence[float]) -> str:
    label = f"{escape(name.replace('_', ' '))} <small>{escape(phase)}</small>"
    if len(values) < 2:
        return (
            f'<figure class="card chart"><figcaption>{label}</figcaption>'
            f'<p class="figure">{compact(values[0])}</p></figure>'
        )
    curve = np.asarray(values, np.float64)
    logarithmic = bool(curve.min() > 0 and curve.max() > 100 * curve.min())
    height = np.log(curve) if logarithmic else curve
    level = (height - height.min()) / (float(np.ptp(height)) or 1.0)
    points = " ".join(
        f"{300 * step / (len(curve) - 1):.1f},{4 + 92 * (1 - value):.1f}"
        for step, value in enumerate(level)
    )
    scale = ", logarithmic" if logarithmic else ""
    return (
        f'<figure class="card chart"><figcaption>{label}</figcaption>'
        f'<p class="edge">{compact(curve.max())}{scale}</p>'
        f'<svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label="{escape(name)} '
        f'from {compact(curve[0])} to {compact(curve[-1])}"><polyline points="{points}"/></svg>'
        f'<p class="edge"><span>{compact(curve.min())}</span><span>epochs 1 to {len(curve)}</span></p>'
        "</figure>"
    )


def _method(outcome: Outcome) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in outcome.settings.items()
    )
    return (
        f'<pre class="card"><code>{escape(outcome.command)}</code></pre><details class="card"><summary>'
        f"All settings of {escape(outcome.method)}</summary>"
        f'<div class="scroll"><table class="settings"><tbody>{rows}</tbody></table></div></details>'
    )


STYLE = """
:root { color-scheme: light dark; --paper: #f8f7f4; --card: #fff; --ink: #20242a; --soft: #626b77;
  --line: #e3e1db; --accent: #2f6390; --warm: #b7791f; --warm-paper: #fdf6e7; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171b; --card: #1d2025; --ink: #e6e8eb;
  --soft: #9aa3af; --line: #30343b; --accent: #7fb2dd; --warm: #dba545; --warm-paper: #2a2417; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.6;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; }
main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding: 3.5rem 0 0.5rem; }
.eyebrow { margin: 0 0 0.75rem; color: var(--accent); font-size: 0.85rem; font-weight: 600;
  letter-spacing: 0.05em; overflow-wrap: anywhere; }
h1 { margin: 0; font: 500 clamp(1.6rem, 4.5vw, 2.3rem)/1.25 "Iowan Old Style", Palatino, Georgia, serif;
  text-wrap: balance; overflow-wrap: break-word; }
.evidence { margin: 0.7rem 0 0; font-size: 1.08rem; }
.lead { margin: 0.6rem 0 0; color: var(--soft); max-width: 46rem; }
section { margin-top: 2.75rem; }
h2 { margin: 0 0 0.9rem; font-size: 1.1rem; font-weight: 600; }
.card { margin: 0; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.caption { margin: 0.7rem 0 0; color: var(--soft); font-size: 0.875rem; max-width: 46rem; }
ul, ol { list-style: none; margin: 0; padding: 0; }
.cautions { display: grid; gap: 0.6rem; }
.caution { padding: 0.8rem 1.1rem; background: var(--warm-paper); border-left: 4px solid var(--warm);
  border-radius: 6px; font-size: 0.95rem; overflow-wrap: break-word; }
.caution b { display: block; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.45rem 0.75rem; text-align: right; border-top: 1px solid var(--line); }
thead :is(th, td) { border: 0; color: var(--soft); font-size: 0.85rem; font-weight: 500; }
th[scope=row] { text-align: left; font-weight: 600; white-space: nowrap; }
td.best { font-weight: 700; color: var(--accent); }
.sizes { position: relative; }
.sizes li { display: grid; align-items: center; gap: 0 0.75rem;
  grid-template-columns: 2rem minmax(4rem, 1fr) 7.5rem; }
.sizes.classed:not(.many) li { grid-template-columns: 2rem minmax(4rem, 1fr) 7.5rem minmax(0, 9rem); }
.sizes.many .mostly { grid-column: 2 / -1; }
.sizes.many { columns: 2 20rem; column-gap: 2rem; }
.sizes.many li { break-inside: avoid; }
.number { text-align: right; color: var(--soft); font-size: 0.9rem; }
.track { position: relative; padding: 0.35rem 0; }
.track::after { content: ""; position: absolute; inset: 0 auto 0 var(--even);
  border-left: 1px solid var(--soft); opacity: 0.45; }
.bar { display: block; height: 0.85rem; min-width: 2px; border-radius: 3px; }
.count { white-space: nowrap; } small, .mostly { color: var(--soft); font-size: 0.82rem; }
.mostly { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.panels { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.panels > :only-child { max-width: 40rem; }
figcaption { font-size: 0.875rem; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
.points { fill: none; stroke-linecap: round; stroke-opacity: 0.72; }
.panels text { font: 600 30px system-ui, sans-serif; fill: var(--ink); text-anchor: middle;
  dominant-baseline: central; paint-order: stroke; stroke: var(--card); stroke-width: 9px;
  stroke-linejoin: round; }
.exemplars { display: grid; gap: 0.9rem; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); }
.exemplar { padding: 0.7rem; border-top: 3px solid var(--own); }
.exemplar > img { display: block; width: 100%; border-radius: 6px; }
img { image-rendering: pixelated; background: var(--line); }
.exemplar p { display: flex; justify-content: space-between; margin: 0.45rem 0; color: var(--soft);
  font-size: 0.85rem; } .exemplar b { color: var(--ink); font-size: 1rem; line-height: 1.3; }
.strip { display: grid; gap: 3px; grid-template-columns: repeat(5, 1fr); }
.strip img { width: 100%; border-radius: 2px; }
.telling tr > * { text-align: left; vertical-align: top; }
.telling th[scope=row] { border-left: 4px solid var(--own); }
.chips { display: flex; flex-wrap: wrap; gap: 0.35rem; }
.chip { padding: 0.1rem 0.6rem; border: 1px solid var(--line); border-radius: 99px;
  font-size: 0.85rem; }
.charts { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr)); }
.chart svg { height: 7rem; } .chart figcaption { color: var(--ink); margin-bottom: 0.4rem; }
polyline { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
.edge { display: flex; justify-content: space-between; margin: 0; color: var(--soft);
  font-size: 0.75rem; }
.figure { margin: 0; font-size: 1.5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: 0.875rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
details { margin-top: 0.8rem !important; } summary { cursor: pointer; }
.settings { margin-top: 0.6rem; font-size: 0.875rem; } .settings td { overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-bottom: 3rem; color: var(--soft); font-size: 0.8rem; }
@media (max-width: 34rem) { header { padding-top: 2rem; } .card { padding: 0.8rem; }
  main, footer { padding: 0 1rem; } th, td { padding: 0.4rem 0.35rem; }
  .sizes li, .sizes.classed:not(.many) li { grid-template-columns: 1.6rem minmax(3rem, 1fr) 6.4rem; }
  .mostly { grid-column: 2 / -1; margin-bottom: 0.35rem; }
  .telling thead { display: none; } .telling tr { display: grid; grid-template-columns: 3rem 1fr; }
  .telling td:last-child { grid-column: 1 / -1; border: 0; border-left: 4px solid var(--own);
    padding: 0 0 0.6rem 0.5rem; } }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""

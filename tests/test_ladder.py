"""Ladders towards a printed number, what labels make of an embedding, split and merged classes."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recluster import fingerprint
from recluster.methods import kmeans
from recluster.papers.claim import NOWHERE, Cell, Claim
from recluster.report import confusion, ladder, separable
from recluster.spec import Run
from recluster.store import FINISHED, Record, Store

quick = settings(deadline=None, max_examples=30)
CONFIGS = {
    "base": kmeans.Config(),
    "better": kmeans.Config(restarts=7),
    "other": kmeans.Config(restarts=8),
}


def claim(scale: str = "paper", **printed: float) -> Claim:
    """Three rows on two data sets, of which the first two have a printed number where one is given."""
    cells = [
        Cell(row=row, dataset=data, metric="acc", printed=printed.get(data) if row != "other" else None)
        for row in CONFIGS
        for data in ("usps", "mnist-test")
    ]
    labelled = Cell(row="base", dataset="usps", metric="acc_neighbours")
    plan = {scale: {data: dict(CONFIGS) for data in ("usps", "mnist-test")}}
    return Claim(
        id="ulhe.test", title="A test", where=NOWHERE, cells=(*cells, labelled), plan=plan,
        within=0.02, unit=1, drawing="ladder",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(fingerprint, "fingerprint", lambda config: ())
    return Store(tmp_path / "results")


def put(store: Store, row: str, seed: int, acc: float, scale: str = "paper", **arrays) -> Record:
    run = Run(config=CONFIGS[row], dataset="usps", seed=seed, scale=scale)
    record = Record(
        key=run.key,
        run={"method": "kmeans", "dataset": "usps", "seed": seed, "scale": scale,
             "config": CONFIGS[row].canonical()},
        status=FINISHED,
        fingerprint=[],
        scores={"acc": acc},
        curves={},
        scored={"epoch": [1], "acc": [acc]},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "usps", "k": 2, "shape": [8, 2]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return store.write(record, arrays)


# --- the rungs ----------------------------------------------------------------------------------


def test_a_rung_has_every_seed_and_what_is_printed(store):
    put(store, "base", 0, 0.7)
    put(store, "base", 1, 0.8)
    found = ladder.rungs(claim(usps=0.98), "paper", store)
    base, better, other, labelled = found["usps"]
    assert base.values == pytest.approx({0: 70, 1: 80})
    assert base.mean == pytest.approx(75)
    assert (base.printed, better.printed, other.printed) == (98, 98, None)
    assert not better.values
    assert [rung.labelled for rung in found["usps"]] == [False, False, False, True]
    assert not labelled.values  # the record keeps no embedding
    assert not any(rung.values for rung in found["mnist-test"])


def test_the_gap_is_told_with_its_seeds_and_only_where_there_are_runs(store):
    assert "printed is 98.0, ours is not run" in ladder.gap(claim(usps=0.98), "paper", store)
    for seed, acc in enumerate((0.7, 0.8)):
        put(store, "base", seed, acc)
    put(store, "other", 0, 0.9)
    told = ladder.gap(claim(usps=0.98), "paper", store)
    assert (
        "printed is <b>98.0</b>, ours is <b>75.0</b> (70.0 to 80.0 over 2 seeds), 23.0 points below"
        in told
    )
    assert "The best without labels is “other”: 90.0 (one seed)." in told
    assert "made with labels" not in told
    assert "<li>mnist-test: not run.</li>" in told


@pytest.mark.parametrize(
    ("gain", "word"), [(0.0, "no cause"), (0.03, "no cause"), (0.05, "contributes"), (0.18, "explains")]
)
def test_what_a_row_closes_is_named_by_the_line_that_was_drawn(store, gain, word):
    for seed in (0, 1):
        put(store, "base", seed, 0.78 + seed / 100)
        put(store, "better", seed, 0.78 + seed / 100 + gain)
    put(store, "better", 2, 0.785 + gain)  # without a partner, it is in no difference
    told = ladder.closing(claim(usps=0.98), "paper", store)
    own = next(line for line in told.split("<tr>") if "better" in line)
    assert f"+{100 * gain:.1f}, {gain / 0.195:.0%} of the gap (n=2)" in own
    assert word in own


def test_a_row_within_the_tolerance_explains_and_one_that_nobody_could_have_run_has_no_word(store):
    put(store, "base", 0, 0.78)
    put(store, "better", 0, 0.96)
    put(store, "other", 0, 0.97)
    lines = ladder.closing(claim(usps=0.98), "paper", store).split("<tr>")
    assert '<td class="state-agrees">' in next(line for line in lines if "better" in line)
    other = next(line for line in lines if "other" in line)
    assert "+19.0 (n=1)" in other
    assert 'class="printed"></span>' in other
    assert "not run" in other  # on the other data set


def test_a_smaller_run_is_no_verdict(store):
    put(store, "base", 0, 0.78, "laptop")
    put(store, "better", 0, 0.96, "laptop")
    told = ladder.closing(claim("laptop", usps=0.98), "laptop", store)
    line = next(line for line in told.split("<tr>") if "better" in line)
    assert "state-smaller-run" in line
    assert 'class="printed"></span>' in line


def test_the_figure_has_a_dot_a_seed_the_print_as_a_line_and_says_what_is_not_run(store):
    assert ladder.ladder(claim(usps=0.98), "paper", store) is None
    for seed in (0, 1, 2):
        put(store, "base", seed, 0.7 + seed / 100)
    figure = ladder.ladder(claim(usps=0.98), "paper", store)
    first, second = figure.axes
    dots, mean, line = first.lines
    assert list(dots.get_xdata()) == pytest.approx([70, 71, 72])
    assert list(mean.get_xdata()) == pytest.approx([71])
    assert list(line.get_xdata()) == [98, 98]
    assert [text.get_text() for text in first.texts] == ["not run"] * 3
    assert len(second.texts) == 3
    plt.close(figure)


# --- what labels make of an embedding -----------------------------------------------------------


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """z (n, 3) in single precision and classes (n,) of which each has two members or more."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = np.repeat(np.arange(3), draw(st.integers(2, 5)))
    return random.normal(size=(len(classes), 3)).astype(np.float32), random.permutation(classes)


def cosine(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True)) / sqrt(
        sum(p * p for p in a) * sum(q * q for q in b)
    )


def plain(z):
    return [[float(value) for value in row] for row in z]


def mean_direction(rows):
    lengths = [sqrt(sum(value * value for value in row)) for row in rows]
    return [sum(r[j] / n for r, n in zip(rows, lengths, strict=True)) for j in range(len(rows[0]))]


@quick
@given(labelled())
def test_the_nearest_class_mean_by_slow_loops(case):
    z, classes = plain(case[0]), case[1].tolist()
    means = [
        mean_direction([row for row, own in zip(z, classes, strict=True) if own == c]) for c in range(3)
    ]
    right = [max(range(3), key=lambda c: cosine(row, means[c])) == own
             for row, own in zip(z, classes, strict=True)]  # fmt: skip
    assert separable.nearest_mean(*case) == pytest.approx(sum(right) / len(right))


@quick
@given(labelled(), st.integers(1, 4))
def test_the_neighbours_by_slow_loops(case, count):
    z, classes = plain(case[0]), case[1].tolist()
    right = 0
    for i, row in enumerate(z):
        others = sorted((j for j in range(len(z)) if j != i), key=lambda j: -cosine(row, z[j]))
        votes = Counter(classes[j] for j in others[:count])
        right += min(votes, key=lambda c: (-votes[c], c)) == classes[i]
    assert separable.neighbours(*case, count) == pytest.approx(right / len(z))


@quick
@given(labelled())
def test_the_margin_by_slow_loops(case):
    z, classes = plain(case[0]), case[1].tolist()

    def mean(a, b):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        values = [cosine(z[i], z[j]) for i, j in pairs if (classes[i], classes[j]) == (a, b)]
        return sum(values) / len(values)

    gaps = [mean(c, c) - max(mean(c, other) for other in range(3) if other != c) for c in range(3)]
    assert separable.class_margin(*case) == pytest.approx(min(gaps))


def test_the_last_digit_decides_nothing():
    z = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0.6, 0.8]], np.float32)
    classes = np.array([0, 0, 1, 1, 1])
    noisy = z.astype(np.float64) * (1 + 1e-13)
    assert separable.nearest_mean(z, classes) == separable.nearest_mean(noisy, classes)
    assert separable.neighbours(z, classes, 2) == separable.neighbours(noisy, classes, 2)
    assert np.isfinite(separable.class_margin(np.zeros((4, 2), np.float32), np.array([0, 0, 1, 1])))


# --- split and merged classes -------------------------------------------------------------------

ARRAYS = {
    "labels": np.array([1, 1, 0, 0, 0, 0, 1, 0], np.uint16),
    "sample": np.array([0, 1, 2, 3, 4, 6], np.int32),
    "sample_classes": np.array([1, 1, 0, 0, 1, 0], np.uint16),
}


def test_a_class_s_shares_stand_under_the_cluster_matched_to_it(store):
    record = put(store, "base", 0, 0.7, **ARRAYS)
    table = confusion.shares(record, store)
    assert table == pytest.approx(np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))


def test_splits_and_mergers_by_hand():
    table = np.array([[0.5, 0.5, 0.0], [0.0, 0.1, 0.9], [0.2, 0.0, 0.8]])
    assert confusion.split(table) == [0]
    assert confusion.merged(table) == [(1, 2)]
    assert confusion.split(np.eye(3)) == confusion.merged(np.eye(3)) == []


def test_mistakes_are_counted_over_seeds_and_drawn_in_percent(store):
    records = [put(store, "base", seed, 0.7, **ARRAYS) for seed in (0, 1)]
    found = {("base", "usps"): records}
    told = confusion.mistakes(found, store)
    assert "of 2 seeds: class 0 split in 2; class 1 split in 2" in told
    assert "merged" not in told
    figure = confusion.confusion(found, store)
    (panel,) = figure.axes
    assert [text.get_text() for text in panel.texts] == ["67", "33", "33", "67"]
    plt.close(figure)


def test_more_clusters_than_classes_come_last(store):
    arrays = ARRAYS | {"labels": np.array([2, 2, 0, 0, 0, 0, 1, 0], np.uint16)}
    table = confusion.shares(put(store, "base", 0, 0.7, **arrays), store)
    assert table == pytest.approx(np.array([[2 / 3, 0, 1 / 3], [1 / 3, 2 / 3, 0]]))

"""k-means as matrix products beside scikit-learn's, and its steps beside slow loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from recluster.parts import lloyd as lloyd_module
from recluster.parts.lloyd import assigned, distances, lloyd, means, plus_plus, split
from recluster.parts.randomness import seeded


def inertia(z, labels, centroids):
    return float((z - centroids[labels]).square().sum())


@pytest.mark.parametrize(("k", "d", "restarts"), [(2, 2, 1), (10, 16, 20), (50, 8, 10), (200, 4, 3)])
def test_inertia_is_that_of_scikit_learn(k, d, restarts):
    """Of blobs whose neighbours overlap; different draws, whose spread between seeds is four percent."""
    x, _ = make_blobs(3000, d, centers=k, cluster_std=2.0, random_state=0)
    z = torch.from_numpy(x)
    with seeded(0):
        ours = inertia(z, *lloyd(z, k, restarts))
    theirs = KMeans(k, n_init=restarts, random_state=0).fit(x).inertia_
    assert ours == pytest.approx(theirs, rel=0.05)


def test_the_best_of_many_restarts_on_digits_is_scikit_learns():
    x = load_digits().data.astype(np.float32)
    with seeded(0):
        labels, centroids = lloyd(torch.from_numpy(x), 10, 50)
    model = KMeans(10, n_init=50, random_state=0).fit(x)
    assert inertia(torch.from_numpy(x), labels, centroids) == pytest.approx(model.inertia_, rel=1e-3)
    assert adjusted_rand_score(model.labels_, labels) > 0.95


def test_clusters_apart_are_found_in_single_precision_far_from_the_origin():
    x, y = make_blobs(500, 5, centers=4, cluster_std=0.05, center_box=(-1, 1), random_state=1)
    with seeded(0):
        labels, centroids = lloyd(torch.from_numpy(x + 1000).float(), 4, 5)
    assert adjusted_rand_score(y, labels) == 1
    assert (centroids.mean(0) - 1000).abs().max() < 2


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_steps_are_those_of_slow_loops(seed, k, restarts):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(17, 3, generator=generator, dtype=torch.float64)
    centroids = torch.randn(restarts, k, 3, generator=generator, dtype=torch.float64)
    labels, nearest = assigned(z, centroids)
    moved = means(z, labels, nearest, centroids)
    for r in range(restarts):
        far = sorted(range(17), key=lambda i, r=r: -float(nearest[i, r]))
        for i in range(17):
            apart = [float(((z[i] - c) ** 2).sum()) for c in centroids[r]]
            assert labels[i, r] == int(np.argmin(apart))
            assert float(nearest[i, r]) == pytest.approx(min(apart))
        for cluster in range(k):
            members = [z[i] for i in range(17) if labels[i, r] == cluster]
            expected = sum(members) / len(members) if members else z[far.pop(0)]
            torch.testing.assert_close(moved[r, cluster], expected)


def test_starts_are_samples_and_spread():
    x, y = make_blobs(400, 2, centers=8, cluster_std=0.01, random_state=2)
    z = torch.from_numpy(x)
    with seeded(0):
        starts = plus_plus(z, 8, 5)
    apart = distances(z, starts.flatten(0, 1)).argmin(0)
    torch.testing.assert_close(z[apart], starts.flatten(0, 1))
    assert all(len(set(y[apart[8 * r : 8 * r + 8]])) == 8 for r in range(5))


def test_equal_samples_and_as_many_clusters_as_samples():
    with seeded(0):
        labels, centroids = lloyd(torch.ones(12, 2), 3, 4)
        assert torch.isfinite(centroids).all()
        assert set(labels.tolist()) <= {0, 1, 2}
        z = torch.randn(9, 2)
        labels, centroids = lloyd(z, 9, 4)
    assert sorted(labels.tolist()) == [*range(9)]
    torch.testing.assert_close(centroids[labels], z)


def test_the_same_seed_gives_the_same_labels():
    z = torch.randn(300, 4)
    with seeded(3):
        one = lloyd(z, 5, 4)
    with seeded(3):
        two = lloyd(z, 5, 4)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_in_parts_it_finds_the_same(monkeypatch):
    """A few rows at a time, as the memory of large data asks."""
    z = torch.randn(300, 4, dtype=torch.float64)
    found = []
    for entries in (lloyd_module.ENTRIES, 200):
        monkeypatch.setattr(lloyd_module, "ENTRIES", entries)
        assert (len(split(z, 20)) > 1) == (entries == 200)
        with seeded(3):
            found.append(lloyd(z, 5, 4))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])

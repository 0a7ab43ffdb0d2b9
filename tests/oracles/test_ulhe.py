"""ULHE-DC against slow loops written from the paper alone; numbers in brackets are its equations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import ceil, sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from recluster.methods import METHODS, ulhe
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.mlp import perceptron
from recluster.parts import acai, hypersphere, normed, pretraining
from recluster.parts.randomness import seeded
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=40)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embeddings z (n, d), labels (n,) that may leave clusters empty, unit centroids (k, d)."""
    n, d, k = draw(st.integers(1, 9)), draw(st.integers(2, 4)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.01, 1, 10]))
    centroids = random.normal(size=(k, d))
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    z = spread * random.normal(size=(n, d))
    return exact(z), torch.tensor(random.integers(k, size=n)), exact(centroids)


@pytest.fixture
def double():
    """Everything that is created inside is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def tiny(monkeypatch):
    """Fully connected networks with one hidden layer of four."""
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(4,)))


# --- slow, from the paper -----------------------------------------------------------------------


def plain(a):
    return a.tolist() if isinstance(a, torch.Tensor) else a


def dot(a, b):
    return sum(p * q for p, q in zip(plain(a), plain(b), strict=True))


def length(a):
    return sqrt(dot(a, a))


def norm(a):
    """Norm(.) of (7)."""
    return [one / length(a) for one in plain(a)]


def cosine(a, b):
    return dot(a, b) / (length(a) * length(b))


def members(labels, k):
    """C_k: the index set of each cluster."""
    return [[i for i in range(len(labels)) if labels[i] == j] for j in range(k)]


def equation_2(z):
    return sum((length(one) - 1) ** 2 for one in z) / len(z)


def equation_4(z, labels, centroids):
    terms = (1 - cosine(z[i], centroids[labels[i]]) for i in range(len(z)))
    return sum(terms) / len(z)


def equation_6(z, centroids):
    distances = [[1 - cosine(one, m) for m in centroids] for one in z]
    return [row.index(min(row)) for row in distances]


def equation_7(z, cluster):
    """The direction of a cluster; None if it is empty."""
    if not cluster:
        return None
    return norm([sum(norm(z[i])[j] for i in cluster) for j in range(len(z[0]))])


def equation_8(z, labels, centroids):
    """(8); the temporary centroid of an empty cluster has weight 0."""
    k, moved = len(centroids), []
    for cluster, old in zip(members(labels, k), centroids.tolist(), strict=True):
        temporary = equation_7(z, cluster) or [0.0] * len(old)
        weight = k * len(cluster) / len(z)
        moved.append(norm([a + weight * b for a, b in zip(old, temporary, strict=True)]))
    return moved


def equation_10(points):
    """Sum over i > j of ||m_i - m_j||^-2."""
    pairs = [(a, b) for i, a in enumerate(points) for b in points[:i]]
    return sum(1 / sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) for a, b in pairs)


def equation_11(points):
    """The sum of all elements of 1 / (1 - M'M), those of the diagonal counted as 0."""
    k = len(points)
    pairs = [(i, j) for i in range(k) for j in range(k) if i != j]
    return sum(1 / (1 - dot(points[i], points[j])) for i, j in pairs)


def batch_directions(z, labels, k):
    """Centroids "computed with samples in the current mini-batch"; clusters without any have none."""
    found = [equation_7(z, cluster) for cluster in members(labels, k)]
    return [one for one in found if one is not None]


def equation_12(z, labels, k, mean=False):
    """(12) for directions; `mean` divides by the number of pairs."""
    total = 0.0
    for cluster in members(labels, k):
        pairs = sum(1 - cosine(z[i], z[j]) for i in cluster for j in cluster)
        total += pairs / len(cluster) ** 2 if mean and cluster else pairs
    return total / k


def equation_14(before, after):
    """1 - sum(s' * s) / N for one-hot columns s."""
    k = max(*before, *after) + 1
    one, two = ([[int(label == j) for label in s] for j in range(k)] for s in (before, after))
    return 1 - sum(one[j][i] * two[j][i] for j in range(k) for i in range(len(before))) / len(before)


def easy(closeness, labels, k, stage, stages):
    """The closest stage/stages of every cluster, cluster by cluster."""
    kept = []
    for cluster in members(labels, k):
        ranked = sorted(cluster, key=lambda i: -closeness[i])
        kept += ranked[: ceil(len(cluster) * stage / stages - 1e-9)]
    return kept


# --- (2), (4), (6), (7) -------------------------------------------------------------------------


@quick
@given(clusterings())
def test_2_and_4_losses(case):
    z, labels, centroids = case
    assert normed.norm_loss(z).item() == pytest.approx(equation_2(z))
    got = ulhe.clustering_loss(hypersphere.unit(z), centroids[labels]).item()
    assert got == pytest.approx(equation_4(z, labels, centroids), abs=1e-9)
    assert -1e-9 <= got <= 2 + 1e-9


@quick
@given(clusterings())
def test_6_assignment(case):
    z, _, centroids = case
    cosines = [sorted(cosine(one, m) for m in centroids) for one in z]
    assume(all(row[-1] - row[-2] > 1e-9 for row in cosines))
    got = hypersphere.most_similar(hypersphere.unit(z), centroids)
    assert got.tolist() == equation_6(z, centroids)


@quick
@given(clusterings())
def test_7_directions_of_clusters(case):
    z, labels, centroids = case
    k = len(centroids)
    sums, sizes = hypersphere.gathered(hypersphere.unit(z), labels, k)
    assert sizes.tolist() == [len(cluster) for cluster in members(labels, k)]
    got = hypersphere.redirected(centroids, sums)
    for j, cluster in enumerate(members(labels, k)):
        expected = equation_7(z, cluster) or centroids[j].tolist()
        close(got[j], exact(expected), rtol=1e-7)
    close(got.norm(dim=1), torch.ones(k).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_has_no_direction_and_no_slope(dtype):
    z = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=dtype, requires_grad=True)
    u = hypersphere.unit(z)
    assert u[0].tolist() == [0, 0]
    assert u[1].tolist() == pytest.approx([0.6, 0.8])
    (u.sum() + normed.norm_loss(z)).backward()
    assert torch.isfinite(z.grad).all()
    assert z.grad[0].tolist() == [0, 0]
    centroids = torch.eye(2, dtype=dtype)
    assert torch.equal(hypersphere.redirected(centroids, torch.zeros(2, 2, dtype=dtype)), centroids)


# --- (5): k-means by cosine ---------------------------------------------------------------------


def cosines(u, labels, centroids):
    return sum(dot(one, centroids[label]) for one, label in zip(u, labels, strict=True))


def slow_lloyd(u, centroids):
    """(6) and (7) in turn until no label changes; labels, centroids, and the sums of cosines."""
    u, centroids = u.tolist(), centroids.tolist()
    labels, course = equation_6(u, centroids), []
    while True:
        course.append(cosines(u, labels, centroids))
        for j, cluster in enumerate(members(labels, len(centroids))):
            centroids[j] = equation_7(u, cluster) or centroids[j]
        course.append(cosines(u, labels, centroids))
        before, labels = labels, equation_6(u, centroids)
        if labels == before:
            return labels, centroids, course


@quick
@given(st.integers(2, 4), st.integers(4, 20), st.integers(0, 2**32 - 1))
def test_5_k_means_by_cosine_is_equations_6_and_7_in_turn(k, n, seed):
    random = np.random.default_rng(seed)
    u = hypersphere.unit(exact(random.normal(size=(n, 3))))
    start = hypersphere.unit(exact(random.normal(size=(k, 3))))
    labels, centroids, course = slow_lloyd(u, start)
    assert all(b >= a - 1e-9 for a, b in pairwise(course))
    got_labels, got_centroids = hypersphere.lloyd(u, start)
    assert got_labels.tolist() == labels
    close(got_centroids, exact(centroids), rtol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_5_the_best_of_several_restarts_is_kept(seed):
    u = hypersphere.unit(torch.randn(40, 3, generator=torch.Generator().manual_seed(seed)).double())
    with seeded(seed):
        single = [hypersphere.spherical_kmeans(u, 5, 1) for _ in range(6)]
    with seeded(seed):
        labels, centroids = hypersphere.spherical_kmeans(u, 5, 6)
    reached = [cosines(u, *one) for one in single]
    assert cosines(u, labels, centroids) == pytest.approx(max(reached))
    assert max(reached) > min(reached)


def test_5_far_apart_directions_are_found_whatever_their_norms():
    axes = torch.eye(4).double().repeat(6, 1)
    noise = 0.05 * torch.randn(24, 4, generator=torch.Generator().manual_seed(0)).double()
    scales = torch.logspace(-3, 3, 24).double()[:, None]
    labels, centroids = hypersphere.spherical_kmeans(hypersphere.unit(scales * (axes + noise)), 4)
    assert len(labels[:4].unique()) == 4
    assert torch.equal(labels, labels[:4].repeat(6))
    close(centroids.norm(dim=1), torch.ones(4).double())


def test_5_starts_prefer_samples_that_lie_apart():
    u = torch.cat([torch.tensor([[1.0, 0.0]]).repeat(50, 1), torch.tensor([[0.0, 1.0]])])
    with seeded(0):
        starts = [hypersphere.scattered(u, 2) for _ in range(20)]
    assert all(torch.equal(one.sort(0).values, torch.eye(2).sort(0).values) for one in starts)


@pytest.mark.parametrize("u", [torch.ones(6, 4) / 2, torch.zeros(6, 4), torch.eye(4)])
def test_5_few_distinct_samples_are_survived(u):
    labels, centroids = hypersphere.spherical_kmeans(u, 3)
    assert torch.isfinite(centroids).all()
    assert set(labels.tolist()) <= {0, 1, 2}


# --- (8) ----------------------------------------------------------------------------------------


@quick
@given(clusterings())
def test_8_centroids(case):
    z, labels, centroids = case
    got = ulhe.moved(centroids, hypersphere.unit(z), labels)
    close(got, exact(equation_8(z, labels, centroids)), rtol=1e-7, atol=1e-8)
    close(got.norm(dim=1), torch.ones(len(got)).double())
    for j in set(range(len(centroids))) - set(labels.tolist()):
        close(got[j], centroids[j])


@quick
@given(clusterings(), st.integers(1, 3))
def test_8_a_cluster_of_average_size_weighs_old_and_new_equally(case, size):
    _, _, centroids = case
    k, d = centroids.shape
    new = torch.randn(k, d, generator=torch.Generator().manual_seed(size)).double()
    u = hypersphere.unit(new).repeat_interleave(size, 0)
    got = ulhe.moved(centroids, u, torch.arange(k).repeat_interleave(size))
    for j in range(k):
        close(cosine(got[j], centroids[j]), cosine(got[j], new[j]), rtol=1e-6, atol=1e-6)


def test_8_a_centroid_that_its_samples_oppose_exactly_stays():
    centroids = torch.eye(2)
    got = ulhe.moved(centroids, torch.tensor([[-1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))
    assert torch.equal(got, centroids)


# --- (9) to (11) --------------------------------------------------------------------------------


def simplex(k, d, seed=0):
    """k directions in d >= k - 1 dimensions with all cosines -1 / (k - 1), turned at random."""
    vertices = torch.eye(k).double() - 1 / k
    basis = torch.linalg.svd(vertices).Vh[: k - 1]
    flat = nn.functional.pad(vertices @ basis.T, (0, d - k + 1))
    noise = torch.randn(d, d, generator=torch.Generator().manual_seed(seed)).double()
    return hypersphere.unit(flat @ torch.linalg.qr(noise).Q)


def uniformity(points):
    """(11) for given centroids: a batch with one sample in each cluster."""
    return ulhe.uniformity_loss(points, torch.arange(len(points)), len(points))


@quick
@given(clusterings())
def test_11_uniformity_is_of_the_batchs_own_clusters(case):
    z, labels, centroids = case
    k = len(centroids)
    points = batch_directions(z, labels, k)
    gaps = [1 - dot(a, b) for i, a in enumerate(points) for b in points[:i]]
    assume(min(gaps, default=1) > 1e-3)
    got = ulhe.uniformity_loss(hypersphere.unit(z), labels, k).item()
    assert got == pytest.approx(equation_11(points), rel=1e-7)
    assert got == pytest.approx(4 * equation_10(points), rel=1e-7)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
@pytest.mark.parametrize("extra", [-1, 0, 3])
def test_11_the_regular_simplex_has_energy_k_minus_1_squared(k, extra):
    points = simplex(k, k + extra)
    assert uniformity(points).item() == pytest.approx((k - 1) ** 2)
    everywhere = torch.ones(k, dtype=torch.bool)
    assert hypersphere.energy(points, everywhere).item() == pytest.approx((k - 1) ** 2 / 4)


@quick
@given(clusterings())
def test_11_no_centroids_have_less_energy_than_the_simplex(case):
    points = case[2]
    assert uniformity(points).item() >= (len(points) - 1) ** 2 * (1 - 1e-9)


@quick
@given(st.integers(2, 6), st.integers(0, 3), st.integers(0, 2**32 - 1), st.floats(1e-3, 1))
def test_11_moving_a_vertex_of_the_simplex_raises_the_energy(k, extra, seed, size):
    points = simplex(k, k + extra)
    step = torch.randn(k + extra, generator=torch.Generator().manual_seed(seed)).double()
    moved = points.clone()
    moved[0] += size * step
    moved = hypersphere.unit(moved)
    assume(dot(moved[0], points[0]) < 1 - 1e-6)
    assert uniformity(moved) > uniformity(points)


@pytest.mark.parametrize(("k", "d"), [(3, 2), (4, 3), (5, 6)])
def test_11_descent_of_the_energy_ends_in_the_simplex(k, d):
    points = hypersphere.unit(torch.randn(k, d, generator=torch.Generator().manual_seed(1)).double())
    for _ in range(400):
        points.requires_grad_()
        (slope,) = torch.autograd.grad(uniformity(points), points)
        points = hypersphere.unit((points - 0.02 * slope).detach())
    assert uniformity(points).item() == pytest.approx((k - 1) ** 2, rel=1e-6)
    apart = ~torch.eye(k, dtype=torch.bool)
    expected = torch.full((k * (k - 1),), -1 / (k - 1)).double()
    close((points @ points.T)[apart], expected, atol=1e-3, rtol=0)


@quick
@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_11_rectified_centroids_are_orthogonal_at_best(k, seed):
    random = np.random.default_rng(seed)
    points = hypersphere.unit(exact(random.exponential(size=(k, k))))
    assert uniformity(points).item() >= k * (k - 1)
    assert uniformity(torch.eye(k).double()).item() == pytest.approx(k * (k - 1))


@quick
@given(clusterings(), st.integers(0, 2**32 - 1))
def test_11_rotating_or_renaming_centroids_leaves_the_energy(case, seed):
    points = case[2]
    d = points.shape[1]
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(d, d, generator=generator).double()).Q
    order = torch.randperm(len(points), generator=generator)
    close(uniformity(points @ rotation), uniformity(points), rtol=1e-6)
    close(uniformity(points[order]), uniformity(points), rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_11_coinciding_and_absent_clusters_leave_it_finite(dtype):
    u = torch.tensor([[1, 0], [1, 0], [0, 1]], dtype=dtype, requires_grad=True)
    for labels in ([0, 1, 3], [2, 2, 2], [0, 0, 1]):
        value = ulhe.uniformity_loss(u, torch.tensor(labels), 4)
        (slope,) = torch.autograd.grad(value, u)
        assert torch.isfinite(value)
        assert torch.isfinite(slope).all()
    assert ulhe.uniformity_loss(u, torch.tensor([2, 2, 2]), 4).item() == 0
    assert ulhe.uniformity_loss(u[:1], torch.tensor([1]), 4).item() == 0
    apart = ulhe.uniformity_loss(u, torch.tensor([0, 0, 1]), 4).item()
    assert apart == pytest.approx(2)  # one pair of orthogonal directions, counted twice


# --- (12) ---------------------------------------------------------------------------------------


@quick
@given(clusterings())
def test_12_compactness(case):
    z, labels, centroids = case
    k, u = len(centroids), hypersphere.unit(z)
    got = ulhe.compactness_loss(u, labels, k, "sum").item()
    assert got == pytest.approx(equation_12(z, labels, k), rel=1e-8, abs=1e-9)
    mean = ulhe.compactness_loss(u, labels, k, "pair mean").item()
    assert mean == pytest.approx(equation_12(z, labels, k, mean=True), rel=1e-8, abs=1e-9)


@quick
@given(clusterings(), st.integers(2, 4))
def test_12_repeating_a_batch_multiplies_the_sum_alone(case, times):
    z, labels, centroids = case
    k = len(centroids)

    def losses(z, labels):
        u = hypersphere.unit(z)
        yield ulhe.compactness_loss(u, labels, k, "sum") / (len(z) ** 2)
        yield ulhe.compactness_loss(u, labels, k, "pair mean")
        yield ulhe.uniformity_loss(u, labels, k)
        yield ulhe.clustering_loss(u, centroids[labels])
        yield normed.norm_loss(z)

    once, repeated = losses(z, labels), losses(z.repeat(times, 1), labels.repeat(times))
    for one, other in zip(once, repeated, strict=True):
        close(other, one, rtol=1e-7)


@quick
@given(clusterings(), st.integers(0, 3))
def test_12_clusters_add_up_and_empty_or_single_ones_add_nothing(case, extra):
    z, labels, centroids = case
    k, u = len(centroids), hypersphere.unit(z)
    whole = k * ulhe.compactness_loss(u, labels, k, "sum").item()
    parts = [ulhe.compactness_loss(u[labels == j], labels[labels == j], k, "sum") for j in range(k)]
    assert k * sum(parts).item() == pytest.approx(whole, abs=1e-9)
    wider = (k + extra + 1) * ulhe.compactness_loss(
        torch.cat([u, u[:1]]), torch.cat([labels, torch.tensor([k])]), k + extra + 1, "sum"
    )
    assert wider.item() == pytest.approx(whole, abs=1e-9)
    same = ulhe.compactness_loss(u[:1].repeat(5, 1), torch.zeros(5, dtype=torch.int64), k, "sum")
    assert same.item() == pytest.approx(0, abs=1e-9)


@quick
@given(clusterings(), st.floats(0.1, 50))
def test_rescaling_z_changes_the_norm_loss_alone(case, scale):
    z, labels, centroids = case
    k = len(centroids)
    for kind in ("sum", "pair mean"):
        one, other = (
            ulhe.compactness_loss(hypersphere.unit(a), labels, k, kind) for a in (z, scale * z)
        )
        close(one, other, rtol=1e-7)
    one, other = (ulhe.uniformity_loss(hypersphere.unit(a), labels, k) for a in (z, scale * z))
    close(one, other, rtol=1e-5)
    close(hypersphere.unit(z), hypersphere.unit(scale * z))
    assert normed.norm_loss(scale * z).item() == pytest.approx(equation_2(scale * z))


# --- (14) and the self-paced schedule -----------------------------------------------------------

label_lists = st.lists(st.integers(0, 3), min_size=1, max_size=9)


@quick
@given(label_lists, st.randoms(use_true_random=False))
def test_14_change(before, random):
    after = [random.randrange(4) for _ in before]
    got = ulhe.change(torch.tensor(before), torch.tensor(after)).item()
    assert got == pytest.approx(equation_14(before, after), abs=1e-6)
    assert ulhe.change(torch.tensor(before), torch.tensor(before)).item() == 0
    assert ulhe.change(torch.tensor(before), torch.tensor(before) + 1).item() == 1


@quick
@given(label_lists, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_easy_samples_are_the_closest_of_every_cluster(labels, stages, random):
    closeness = [random.uniform(-1, 1) for _ in labels]
    kept = []
    for stage in range(1, stages + 1):
        rows = ulhe.easiest(exact(closeness), torch.tensor(labels), 5, stage, stages).tolist()
        assert rows == easy(closeness, labels, 5, stage, stages)
        assert {labels[row] for row in rows} == set(labels)  # no cluster is left out
        kept.append(set(rows))
    assert all(a <= b for a, b in pairwise(kept))
    assert kept[-1] == set(range(len(labels)))


# --- Algorithm 1 --------------------------------------------------------------------------------


class Descent:
    """SGD with momentum; the whole gradient is cut at a length."""

    def __init__(self, parameters, config):
        self.parameters, self.config = parameters, config
        self.speed = [torch.zeros_like(one) for one in parameters]

    def step(self, loss):
        gradients = torch.autograd.grad(loss, self.parameters)
        total = sqrt(sum(float(one.square().sum()) for one in gradients))
        share = min(1.0, self.config.longest_gradient / total)
        for i, (one, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            self.speed[i] = self.config.momentum * self.speed[i] + share * gradient
            one.data -= self.config.learning_rate * self.speed[i]


class Network:
    """One hidden layer each way, sample by sample, from a state_dict."""

    def __init__(self, state, rectified):
        self.weights = {name: value.clone().requires_grad_() for name, value in state.items()}
        self.rectified = rectified

    def layer(self, name, vector):
        return self.weights[f"{name}.weight"] @ vector + self.weights[f"{name}.bias"]

    def encode(self, x):
        z = self.layer("encoder.3", self.layer("encoder.1", x).relu())
        return z.relu() if self.rectified else z

    def decode(self, z):
        return self.layer("decoder.2", self.layer("decoder.0", z).relu())

    def values(self, part):
        return [value for name, value in self.weights.items() if name.startswith(part)]


AE = normed.Config(epochs=2, batch_size=4, embedding_size=3)
CONFIG = ulhe.Config(
    start=AE, epochs=5, batch_size=4, learning_rate=0.01, stages=3, tolerance=0.0, restarts=3
)
K = 3


def data(n=13):
    """Three patterns with noise: a cluster of two would have two samples that are equally close."""
    noise = torch.rand(n, 5, generator=torch.Generator().manual_seed(2))
    return 0.5 * torch.eye(3, 5)[torch.arange(n) % 3] + 0.5 * noise


@pytest.fixture
def in_order(monkeypatch):
    """Batches in the order of the data."""
    for page in (normed, ulhe):
        monkeypatch.setattr(page, "shuffled", lambda x, size: torch.arange(len(x)).split(size))


def weights(seed=3):
    """An autoencoder's weights, with biases that keep rectified units alive."""
    torch.manual_seed(seed)
    state = autoencoder("mlp", (5,), 3).state_dict()
    return {name: value + 0.3 * torch.rand_like(value) for name, value in state.items()}


def length_of(z):
    """|z|, whose slope at zero is zero."""
    return z.square().sum().sqrt() if z.any() else 0 * z.sum()


@pytest.mark.parametrize(
    "config",
    [AE, replace(AE, embedding="relu"), replace(AE, longest_gradient=0.05), replace(AE, momentum=0.0)],
    ids=["plain", "rectified", "cut", "no momentum"],
)
def test_stage_1_step_by_step(double, tiny, in_order, config):
    x = data()
    torch.manual_seed(0)
    slow = Network(autoencoder("mlp", (5,), 3).state_dict(), config.embedding == "relu")
    descent = Descent(list(slow.weights.values()), config)
    torch.manual_seed(0)
    for epoch, step in enumerate(normed.fit(x, K, config), start=1):
        totals = [0.0, 0.0]
        for rows in torch.arange(13).split(4):
            reconstruction = norms = 0.0
            for n in rows:
                z = slow.encode(x[n])
                reconstruction = reconstruction + (x[n] - slow.decode(z)).square().sum() / len(rows)
                norms = norms + (length_of(z) - 1) ** 2 / len(rows)
            descent.step((reconstruction + norms) / 5)
            totals[0] += len(rows) / 13 * reconstruction.item()
            totals[1] += len(rows) / 13 * norms.item()
        assert (step.phase, step.epoch, step.epochs) == ("pretraining", epoch, 2)
        got = [step.curves["reconstruction"].item(), step.curves["norm"].item()]
        assert got == pytest.approx(totals, rel=1e-4)
        for name, value in step.modules["autoencoder"].state_dict().items():
            close(value, slow.weights[name].detach(), rtol=1e-4, atol=1e-6)
    assert epoch == 2
    z = torch.stack([slow.encode(one) for one in x]).detach()
    close(step.embed(x), z, rtol=1e-4, atol=1e-6)
    assert config.embedding != "relu" or (z >= 0).all()


class Replay:
    """Step 2 of Algorithm 1, sample by sample."""

    def __init__(self, state, centroids, labels, config):
        self.net = Network(state, config.start.embedding == "relu")
        self.config, self.m, self.labels = config, centroids, labels
        self.descent = Descent(self.net.values("encoder"), config)
        self.stage = 0

    def epoch(self, x, epoch):
        """Lines 7 to 10; the means of the losses."""
        stage = 1 + (epoch - 1) * self.config.stages // self.config.epochs
        if self.config.epochs % self.config.stages:
            stage = ceil(epoch * self.config.stages / self.config.epochs)
        single = self.config.iteration == "batch"
        if single and stage == self.stage:
            changed, _ = self.assigned(x, self.chosen[: self.config.batch_size])
        else:
            changed, z = self.assigned(x, range(len(x)))
        if stage != self.stage:
            self.stage = stage
            closeness = [cosine(z[i], self.m[label]) for i, label in enumerate(self.labels)]
            self.chosen = easy(closeness, self.labels, K, stage, self.config.stages)
        if single:
            rows = self.chosen[: self.config.batch_size]
            losses = self.batch(x, rows)
            return {name: value.item() for name, value in losses.items()} | {"changed": changed}
        totals = dict.fromkeys(("clustering", "norm", "uniformity", "compactness"), 0.0)
        for at in range(0, len(self.chosen), self.config.batch_size):  # line 9
            rows = self.chosen[at : at + self.config.batch_size]
            for name, value in self.batch(x, rows).items():
                totals[name] += value.item() * len(rows) / len(self.chosen)
        return {**totals, "changed": changed}

    def assigned(self, x, rows):
        """Lines 7 and 8 for these rows; the share of their labels that changed, and their z."""
        z = [self.net.encode(x[row]).detach().tolist() for row in rows]
        before, after = [self.labels[row] for row in rows], equation_6(z, self.m)
        for row, label in zip(rows, after, strict=True):
            self.labels[row] = label
        self.m = torch.tensor(equation_8(z, after, self.m))
        return equation_14(before, after), z

    def batch(self, x, rows):
        """(13)."""
        z = [self.net.encode(x[row]) for row in rows]
        u, labels = [one / length_of(one) for one in z], [self.labels[row] for row in rows]
        clusters = [cluster for cluster in members(labels, K) if cluster]
        clustering = norms = compactness = 0.0
        for i, label in enumerate(labels):
            clustering = clustering + (1 - u[i] @ self.m[label]) / len(rows)
            norms = norms + (length_of(z[i]) - 1) ** 2 / len(rows)
        points = [sum(u[i] for i in cluster) for cluster in clusters]
        points = [one / length_of(one) for one in points]
        uniformity = 0 * z[0].sum()
        for i in range(len(points)):
            for j in range(len(points)):
                if i != j:
                    uniformity = uniformity + 1 / (1 - points[i] @ points[j])
        for cluster in clusters:
            pairs = len(cluster) ** 2 if self.config.compactness == "pair mean" else 1
            for i in cluster:
                for j in cluster:
                    compactness = compactness + (1 - u[i] @ u[j]) / pairs / K
        self.descent.step(
            clustering
            + self.config.norm_weight * norms
            + self.config.uniformity_weight * uniformity
            + self.config.compactness_weight * compactness
        )
        return {
            "clustering": clustering,
            "norm": norms,
            "uniformity": uniformity,
            "compactness": compactness,
        }


@pytest.mark.parametrize(
    "config",
    [
        replace(CONFIG, uniformity_weight=0.0, compactness_weight=0.0),
        replace(CONFIG, compactness_weight=0.0),
        replace(CONFIG, uniformity_weight=0.0),
        CONFIG,
        replace(CONFIG, compactness="sum"),
        replace(CONFIG, start=replace(AE, embedding="relu"), learning_rate=1e-4),  # or units die
        replace(CONFIG, longest_gradient=0.3),
        replace(CONFIG, stages=1, momentum=0.0),
        replace(CONFIG, stages=2, epochs=4, norm_weight=0.5),
        replace(CONFIG, iteration="batch", epochs=9),
    ],
    ids=["1", "2", "3", "4", "sum", "rectified", "cut", "one stage", "two stages", "batches"],
)
def test_stage_2_step_by_step(double, tiny, in_order, config):
    x, state = data(), weights()
    slow = Network(state, config.start.embedding == "relu")
    u = torch.tensor([norm(slow.encode(one).detach()) for one in x])
    torch.manual_seed(1)
    autoencoder("mlp", (5,), 3)  # draws the weights that the state replaces
    labels, centroids = hypersphere.spherical_kmeans(u, K, config.restarts)
    replay = Replay(state, centroids, labels.tolist(), config)
    torch.manual_seed(1)
    for epoch, step in enumerate(ulhe.fit(x, K, config, state), start=1):
        expected = replay.epoch(x, epoch)
        assert (step.phase, step.epoch, step.epochs) == ("clustering", epoch, config.epochs)
        got = {name: value.item() for name, value in step.curves.items()}
        assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)
        model = step.modules["model"]
        close(model.centroids, replay.m, rtol=1e-5, atol=1e-7)
        for name, value in model.encoder.state_dict().items():
            close(value, replay.net.weights[f"encoder.{name}"].detach(), rtol=1e-4, atol=1e-6)
    assert epoch == config.epochs
    z = [replay.net.encode(one).tolist() for one in x]
    close(step.embed(x), torch.tensor(z), rtol=1e-4, atol=1e-6)
    assert step.labels(x).tolist() == equation_6(z, replay.m)
    assert torch.equal(step.assign(x).sum(1), torch.ones(13))


def test_gradients_reach_the_encoder_through_the_batchs_centroids_alone(tiny):
    model = ulhe.Model(autoencoder("mlp", (5,), 3).encoder, torch.eye(3))
    u, labels = model.directions(data(6)), torch.arange(6) % 3
    ulhe.uniformity_loss(u, labels, 3).backward()
    assert all(value.grad.abs().sum() > 0 for value in model.parameters())
    assert not model.centroids.requires_grad
    assert not any("centroids" in name for name, _ in model.named_parameters())


def lengths_of_gradients(steps):
    """The length of every gradient that an optimiser gets while the steps are taken."""
    found = []

    def note(optimiser, *_):
        values = [one.grad for group in optimiser.param_groups for one in group["params"]]
        found.append(sqrt(sum(float(one.square().sum()) for one in values)))

    handle = register_optimizer_step_pre_hook(note)
    list(steps)
    handle.remove()
    return found


def test_no_gradient_is_longer_than_the_limit(tiny):
    x = data()
    pretraining_, clustering = replace(AE, longest_gradient=0.02), replace(CONFIG, longest_gradient=0.3)
    with seeded(0):
        first = lengths_of_gradients(normed.fit(x, K, pretraining_))
        second = lengths_of_gradients(ulhe.fit(x, K, clustering, weights()))
    assert max(first) == pytest.approx(0.02, rel=1e-3)
    assert max(second) == pytest.approx(0.3, rel=1e-3)


# --- stages and stopping ------------------------------------------------------------------------


def learnt_from(monkeypatch, config):
    """Sizes of the batches that stage 2 takes of thirteen images, and what the encoder saw."""
    seen, sizes = [], []
    original = ulhe.augmented

    def noted(x, rotation, shift):
        got = original(x, rotation, shift)
        sizes.append(len(x))
        seen.append((x, got))
        return got

    monkeypatch.setattr(ulhe, "augmented", noted)
    x = torch.rand(13, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    start = autoencoder("mlp", (1, 5, 5), 3).state_dict()
    with seeded(0):
        list(ulhe.fit(x, K, config, start))
    return sizes, seen


def test_read_as_batches_an_iteration_takes_one(tiny, monkeypatch):
    sizes, _ = learnt_from(monkeypatch, replace(CONFIG, epochs=3))
    assert len(sizes) > 3
    sizes, _ = learnt_from(monkeypatch, replace(CONFIG, epochs=7, iteration="batch"))
    assert sizes == [4] * 7


def test_only_with_the_option_are_images_turned_and_moved(tiny, monkeypatch):
    _, seen = learnt_from(monkeypatch, CONFIG)
    assert all(got is x for x, got in seen)
    for option in ({"rotation": 10.0}, {"shift": 0.1}):
        _, seen = learnt_from(monkeypatch, replace(CONFIG, **option))
        assert not any(torch.allclose(x, got) for x, got in seen)


@pytest.mark.parametrize(
    "start",
    [
        pretraining.Config(embedding_size=3, epochs=1),
        acai.Config(embedding_size=3, steps=2, deception_weight=0.0),
        replace(AE, embedding="relu"),
    ],
    ids=["ae", "augmented", "rectified"],
)
def test_stage_2_starts_from_every_autoencoder(tiny, start):
    with seeded(0):
        first = list(METHODS[start.method].fit(data(), K, start))[-1]
        state = first.modules["autoencoder"].state_dict()
        steps = list(ulhe.fit(data(), K, replace(CONFIG, start=start, compactness="sum"), state))
    check(steps, data(), K)


def epochs_taken(config, x=None):
    with seeded(0):
        return [step.epoch for step in ulhe.fit(data() if x is None else x, K, config, weights())]


@pytest.mark.parametrize(
    ("stages", "epochs", "last"), [(3, 9, 8), (3, 3, 3), (2, 8, 6), (1, 5, 2), (4, 1, 1)]
)
def test_it_stops_after_two_epochs_of_the_last_stage_at_the_earliest(tiny, stages, epochs, last):
    still = replace(CONFIG, learning_rate=1e-9, tolerance=1.0, stages=stages, epochs=epochs)
    assert epochs_taken(still) == [*range(1, last + 1)]
    never = replace(still, tolerance=0.0)
    assert epochs_taken(never) == [*range(1, epochs + 1)]


def test_the_stages_take_a_third_two_thirds_and_all(tiny, monkeypatch):
    sizes = []
    original = ulhe.shuffled

    def noted(x, size):
        sizes.append(len(x))
        return original(x, size)

    monkeypatch.setattr(ulhe, "shuffled", noted)
    x = torch.eye(3, 5).repeat(6, 1) + 0.02 * data(18)
    with seeded(0):
        steps = list(ulhe.fit(x, K, replace(CONFIG, epochs=6, learning_rate=1e-9), weights()))
    counts = steps[-1].labels(x).bincount().tolist()
    thirds = [sum(-(-stage * count // 3) for count in counts) for stage in (1, 2, 3)]
    assert sizes == [one for one in thirds for _ in range(2)]
    assert thirds[-1] == 18


# --- what it survives, and what it refuses ------------------------------------------------------


def both_stages(x, k, config):
    """All steps of both stages."""
    with seeded(0):
        steps = list(normed.fit(x, k, config.start))
        state = steps[-1].modules["autoencoder"].state_dict()
        return [*steps, *ulhe.fit(x, k, config, {name: one.clone() for name, one in state.items()})]


def check(steps, x, k):
    for step in steps:
        assert all(torch.isfinite(value) for value in step.curves.values())
        assert torch.isfinite(step.embed(x)).all()
    assert (steps[-1].assign(x).sum(1) == 1).all()
    assert 0 <= steps[-1].labels(x).min() <= steps[-1].labels(x).max() < k


VARIANTS = {
    "linear": CONFIG,
    "relu": replace(CONFIG, start=replace(AE, embedding="relu")),
    "sum": replace(CONFIG, compactness="sum"),
}
variants = pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())


@variants
@pytest.mark.parametrize(
    "x",
    [
        torch.full((17, 1, 8, 8), 0.5),
        torch.zeros(17, 1, 8, 8),
        torch.rand(2, 1, 8, 8).repeat(9, 1, 1, 1)[:17],
        torch.cat([torch.zeros(16, 1, 8, 8), torch.ones(1, 1, 8, 8)]),
        1000 * torch.rand(17, 1, 8, 8),
        1e-6 * torch.rand(17, 1, 8, 8),
        torch.rand(17, 64),
    ],
    ids=["constant", "zero", "duplicated", "one apart", "large", "tiny", "rows"],
)
def test_awkward_data_are_survived(tiny, config, x):
    check(both_stages(x, K, config), x, K)


@variants
@pytest.mark.parametrize(("n", "k"), [(4, 3), (3, 3), (3, 2), (2, 2), (9, 8), (17, 2)])
def test_few_samples_and_remainders_are_survived(tiny, config, n, k):
    x = data(n)
    check(both_stages(x, k, config), x, k)


def test_a_shortened_config_goes_through_every_stage(tiny):
    x = torch.rand(96, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    short = ulhe.Config().shortened()
    steps = both_stages(x, 4, short)
    assert [step.phase for step in steps] == ["pretraining"] * 2 + ["clustering"] * 3
    assert short.start == normed.Config().shortened()
    check(steps, x, 4)


def test_both_stages_find_clear_directions(tiny):
    patterns = torch.eye(3, 5).repeat(20, 1)
    x = patterns + 0.1 * torch.rand(60, 5, generator=torch.Generator().manual_seed(0))
    long = replace(AE, epochs=200, batch_size=20)
    steps = both_stages(
        x, K, replace(CONFIG, start=long, epochs=150, batch_size=30, learning_rate=0.002)
    )
    labels = steps[-1].labels(x)
    assert torch.equal(labels, labels[:3].repeat(20))
    assert len(labels[:3].unique()) == 3
    assert steps[199].curves["reconstruction"] < 0.5 * steps[0].curves["reconstruction"]
    assert steps[-1].curves["uniformity"].item() == pytest.approx(4, rel=0.1)  # the simplex: (k-1)^2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(CONFIG, start=None), "ulhe starts from an autoencoder"),
        (lambda: replace(CONFIG, start=ulhe.Config()), "ulhe starts from an autoencoder"),
        (lambda: replace(CONFIG, compactness="mean"), "unknown compactness 'mean'"),
        (lambda: replace(AE, embedding="tanh"), "unknown embedding 'tanh'; choose one of: linear, relu"),
        (lambda: replace(CONFIG, uniformity_weight=-1.0), "uniformity_weight must be zero or more"),
        (lambda: replace(CONFIG, norm_weight=float("nan")), "norm_weight must be zero or more, got nan"),
        (lambda: replace(CONFIG, momentum=1.5), r"momentum must .* \[0, 1\], got 1.5"),
        (lambda: replace(CONFIG, stages=0), "stages must be .*positive"),
        (lambda: replace(AE, longest_gradient=0.0), "longest_gradient must be .*positive"),
        (lambda: next(ulhe.fit(data(), K, CONFIG)), "starts from an autoencoder.s weights"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_printed_settings():
    first, second = normed.Config(), ulhe.Config()
    assert (first.epochs, first.batch_size, first.learning_rate, first.momentum) == (1000, 256, 0.1, 0.9)
    assert (second.epochs, second.batch_size) == (300, 256)
    assert (second.learning_rate, second.momentum) == (0.002, 0.9)
    assert (second.norm_weight, second.uniformity_weight, second.compactness_weight) == (2, 0.08, 0.4)
    assert (second.tolerance, second.stages, first.embedding_size) == (0.001, 3, 10)
    assert second.start == first


def test_the_printed_network():
    encoder = normed.Config(embedding="relu").autoencoder((1, 28, 28)).encoder
    widths = [layer.out_features for layer in encoder if isinstance(layer, nn.Linear)]
    assert widths == [500, 500, 2000, 10]
    assert [type(layer) for layer in encoder][1:] == [nn.Linear, nn.ReLU] * 4
    plain = normed.Config().autoencoder((1, 28, 28))
    assert [type(layer) for layer in plain.encoder][1:] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]
    assert plain.decoder(torch.zeros(2, 10)).shape == (2, 1, 28, 28)

"""DCSS against slow loops written from the paper alone; numbers in brackets are its equations."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn

from recluster import fingerprint
from recluster.methods import cmeans, dcss, dkm, idec, kmeans, pcx
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.dcss_conv import INNER, SIZES, Bottleneck, bottlenecked
from recluster.nets.mlp import perceptron
from recluster.nets.mnet import mnet
from recluster.parts import centring, fuzzy, pretraining
from recluster.run import train
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=40)
many = settings(deadline=None, max_examples=150)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)
fuzziness = st.sampled_from([1.1, 1.3, 1.5, 1.7, 2.0, 3.0])


@pytest.fixture
def double():
    """Everything that is created inside is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def tiny(monkeypatch):
    """Fully connected autoencoders with one hidden layer of four."""
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(4,)))


@pytest.fixture
def convolutional(monkeypatch):
    monkeypatch.setitem(NETWORKS, "dcss-conv", bottlenecked)


@st.composite
def batches(draw: st.DrawFn, least: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings u (b, d) and centroids mu (k, d) of drawn shapes and spreads."""
    b, d, k = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(least, 5))
    random = np.random.default_rng(draw(seeds))
    spread, apart = draw(st.sampled_from([0.01, 1, 10])), draw(st.sampled_from([0.1, 0.3, 3]))
    mu = random.normal(size=(k, d)) * spread
    u = mu[random.integers(k, size=b)] + apart * random.normal(size=(b, d))
    return torch.tensor(u), torch.tensor(mu)


@st.composite
def probabilities(draw: st.DrawFn, least: int = 1, most: int = 8) -> torch.Tensor:
    """Rows (b, k) that sum to one, from almost uniform to almost one-hot and exactly one-hot."""
    b, k = draw(st.integers(least, most)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(seeds))
    rows = random.dirichlet(np.full(k, draw(st.sampled_from([0.02, 0.1, 1.0, 20.0]))), size=b)
    if draw(st.booleans()):
        rows[:] = (1 - 0.1) * np.eye(k)[random.integers(k, size=b)] + 0.1 * rows
    if draw(st.booleans()):
        rows[0] = np.eye(k)[random.integers(k)]
    return torch.tensor(rows / rows.sum(1, keepdims=True))


# --- slow, from the paper -----------------------------------------------------------------------


def distance(a, b):
    """||a - b||_2."""
    return sqrt(sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True)))


def equation_2(u, mu, m):
    """(2) with its two norms the other way round, as the text around it wants."""
    power = 2 / (m - 1)
    rows = []
    for u_i in u:
        row = []
        for mu_k in mu:
            mine = distance(u_i, mu_k) ** power
            row.append(1 / sum(mine / distance(u_i, mu_j) ** power for mu_j in mu))
        rows.append(row)
    return rows


def equation_2_as_printed(u, mu, m):
    power = 2 / (m - 1)
    return [
        [
            1 / sum(distance(u_i, mu_j) ** power / distance(u_i, mu_k) ** power for mu_j in mu)
            for mu_k in mu
        ]
        for u_i in u
    ]


def equation_1b(x, reconstruction, p, m, k):
    return sum(p[i][k] ** m * distance(x[i], reconstruction[i]) ** 2 for i in range(len(x)))


def equation_1c(u, mu, p, m, k):
    return sum(p[i][k] ** m * distance(u[i], mu[k]) ** 2 for i in range(len(u)))


def equation_3(u, p, m, k):
    weight = sum(p[i][k] ** m for i in range(len(u)))
    d = len(u[0])
    return [sum(p[i][k] ** m * float(u[i][j]) for i in range(len(u))) / weight for j in range(d)]


def inner(a, b):
    return sum(float(p) * float(q) for p, q in zip(a, b, strict=True))


def equation_4(q, judge, zeta, gamma):
    """(4) with p for `judge`, (5) with q."""
    total = 0.0
    for i in range(len(q)):
        for j in range(len(q)):
            agreement, product = inner(judge[i], judge[j]), inner(q[i], q[j])
            total += (agreement >= zeta) * (1 - product) + (agreement <= gamma) * product
    return total


def largest(row):
    """Index of the largest element."""
    values = [float(value) for value in row]
    return values.index(max(values))


# --- (2) ----------------------------------------------------------------------------------------


@quick
@given(batches(), fuzziness)
def test_2_memberships(pair, m):
    p = fuzzy.memberships(*pair, m)
    close(p, exact(equation_2(*pair, m)), rtol=1e-7, atol=1e-12)
    close(p.sum(1), torch.ones(len(p)).double())
    close(fuzzy.log_memberships(*pair, m).exp(), p)


def test_2_departure_1_as_printed_the_farthest_centroid_gets_the_most():
    u, mu = exact([[0.0]]), exact([[1.0], [3.0]])
    assert equation_2_as_printed(u, mu, 1.5)[0] == pytest.approx([1 / 82, 81 / 82])
    assert fuzzy.memberships(u, mu, 1.5)[0].tolist() == pytest.approx([81 / 82, 1 / 82])


@quick
@given(batches(least=2), fuzziness)
def test_2_is_the_fuzzy_c_means_formula(pair, m):
    """Squared distances to the power -1/(m-1), rows normalised (Bezdek, 1981)."""
    u, mu = pair
    powers = [[distance(a, b) ** 2 for b in mu] for a in u]
    powers = [[value ** (-1 / (m - 1)) for value in row] for row in powers]
    expected = exact([[value / sum(row) for value in row] for row in powers])
    close(fuzzy.memberships(u, mu, m), expected, rtol=1e-7, atol=1e-12)


@quick
@given(batches(least=2), st.floats(1.01, 10))
def test_2_the_largest_membership_is_the_nearest_centroid(pair, m):
    u, mu = pair
    distances = [[distance(a, b) for b in mu] for a in u]
    assume(all(sorted(row)[1] > sorted(row)[0] * (1 + 1e-6) for row in distances))
    expected = [row.index(min(row)) for row in distances]
    assert fuzzy.log_memberships(u, mu, m).argmax(1).tolist() == expected


@quick
@given(batches(), fuzziness, st.floats(1e-3, 1e3), seeds)
def test_2_is_the_same_at_every_scale_and_place(pair, m, scale, seed):
    u, mu = pair
    shift = torch.tensor(np.random.default_rng(seed).normal(size=u.shape[1]))
    p = fuzzy.memberships(u, mu, m)
    close(fuzzy.memberships(scale * u, scale * mu, m), p, rtol=1e-6, atol=1e-9)
    close(fuzzy.memberships(u + shift, mu + shift, m), p, rtol=1e-6, atol=1e-9)


@quick
@given(batches(least=2))
def test_2_tends_to_one_hot_and_to_uniform(pair):
    u, mu = pair
    distances = [[distance(a, b) for b in mu] for a in u]
    assume(all(sorted(row)[1] > 1.01 * sorted(row)[0] for row in distances))
    hard = fuzzy.memberships(u, mu, 1.001)
    close(hard, nn.functional.one_hot(hard.argmax(1), len(mu)).double(), atol=1e-6)
    uniform = torch.full((len(u), len(mu)), 1 / len(mu)).double()
    close(fuzzy.memberships(u, mu, 1e6), uniform, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m", [1.1, 1.5, 2.0])
def test_2_departure_2_a_sample_on_a_centroid(dtype, m):
    mu = torch.tensor([[0.0, 1.0], [3.0, 3.0], [3.0, 3.0]], dtype=dtype)
    u = torch.cat([mu[:2], torch.tensor([[1e6, -1e6]], dtype=dtype)])
    p = fuzzy.memberships(u, mu, m)
    expected = torch.tensor([[1, 0, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], dtype=dtype)
    torch.testing.assert_close(p, expected, atol=1e-3, rtol=1e-3)
    assert torch.isfinite(fuzzy.log_memberships(u, mu, m)).all()


def test_2_no_gradient_passes():
    u = torch.randn(4, 2, requires_grad=True)
    assert not fuzzy.memberships(u, torch.randn(3, 2), 1.5).requires_grad


# --- (1) ----------------------------------------------------------------------------------------


@quick
@given(batches(), fuzziness, seeds)
def test_1b_and_1c(pair, m, seed):
    u, mu = pair
    random = np.random.default_rng(seed)
    x, reconstruction = torch.tensor(random.normal(size=(2, len(u), 2, 3)))
    p = equation_2(u, mu, m)
    flat, other = x.flatten(1), reconstruction.flatten(1)
    for k in range(len(mu)):
        weight = fuzzy.memberships(u, mu, m)[:, k] ** m
        expected = equation_1b(flat, other, p, m, k)
        got = centring.reconstruction_loss(x, reconstruction, weight).item()
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-12)
        got = centring.centring_loss(u, mu[k], weight).item()
        assert got == pytest.approx(equation_1c(u, mu, p, m, k), rel=1e-6, abs=1e-12)


@quick
@given(batches(), fuzziness)
def test_1_the_sum_of_all_runs_is_the_fuzzy_c_means_objective_and_a_weighted_reconstruction(pair, m):
    u, mu = pair
    x, reconstruction = u, torch.zeros_like(u)
    p = equation_2(u, mu, m)
    weights = fuzzy.memberships(u, mu, m) ** m
    spread = sum(centring.centring_loss(u, mu[k], weights[:, k]) for k in range(len(mu)))
    pairs = [(i, k) for i in range(len(u)) for k in range(len(mu))]
    objective = sum(p[i][k] ** m * distance(u[i], mu[k]) ** 2 for i, k in pairs)
    assert spread.item() == pytest.approx(objective, rel=1e-6, abs=1e-12)
    total = sum(centring.reconstruction_loss(x, reconstruction, weights[:, k]) for k in range(len(mu)))
    shares = [sum(value**m for value in row) for row in p]
    expected = sum(
        share * distance(one, [0] * len(one)) ** 2 for share, one in zip(shares, x, strict=True)
    )
    assert total.item() == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert all(share <= 1 + 1e-9 for share in shares)


def test_1_only_u_and_the_reconstruction_get_a_gradient_and_it_is_that_of_constant_weights():
    torch.manual_seed(0)
    u = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    mu = torch.randn(3, 2, dtype=torch.float64)
    weight = fuzzy.memberships(u, mu, 1.5)[:, 1] ** 1.5
    centring.centring_loss(u, mu[1], weight).backward()
    close(u.grad, 2 * weight[:, None] * (u.detach() - mu[1]))


# --- (3) ----------------------------------------------------------------------------------------


@quick
@given(batches(), fuzziness)
def test_3_centroids(pair, m):
    u, mu = pair
    p = equation_2(u, mu, m)
    assume(all(sum(row[k] ** m for row in p) > 1e-100 for k in range(len(mu))))
    expected = exact([equation_3(u, p, m, k) for k in range(len(mu))])
    close(fuzzy.weighted_means(u, fuzzy.log_memberships(u, mu, m), m), expected, rtol=1e-6, atol=1e-7)


@quick
@given(batches(), fuzziness)
def test_3_is_stationary_for_the_objective_at_fixed_p(pair, m):
    u, mu = pair
    log_p = fuzzy.log_memberships(u, mu, m)
    weights = torch.softmax(m * log_p, dim=0)  # each column is p^m up to a factor, which (3) has not
    leaf = fuzzy.weighted_means(u, log_p, m).requires_grad_()
    value = sum(centring.centring_loss(u, leaf[k], weights[:, k]) for k in range(len(mu)))
    value.backward()
    assert leaf.grad.abs().max().item() <= 1e-9 * (1 + u.abs().max().item())


def test_3_crisp_memberships_give_plain_means():
    u = exact([[0.0, 2.0], [4.0, 0.0], [1.0, 1.0], [3.0, 5.0]])
    crisp = exact([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    close(fuzzy.weighted_means(u, crisp.log(), 1.5), exact([[2.0, 1.0], [2.0, 3.0]]))


@pytest.mark.parametrize("m", [1.01, 1.1, 1.5])
def test_3_a_centroid_that_all_have_left_still_gets_a_mean(m):
    u = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    mu = torch.cat([u[:2], torch.tensor([[1e8, 1e8]])])
    assert (fuzzy.memberships(u, mu, m)[:, 2] ** m).sum() < 1e-20
    moved = fuzzy.weighted_means(u, fuzzy.log_memberships(u, mu, m), m)
    assert torch.isfinite(moved).all()
    assert (moved >= u.amin(0) - 1e-5).all()
    assert (moved <= u.amax(0) + 1e-5).all()


def test_3_the_update_is_over_all_data_and_by_eq_2(double, tiny):
    torch.manual_seed(0)
    x = torch.rand(9, 5)
    network = autoencoder("mlp", (5,), 2)
    model = fuzzy.Clusters(network, torch.randn(3, 2), 1.5)
    u, mu = network.encoder(x).detach(), model.centroids.clone()
    model.update(x)
    p = equation_2(u, mu, 1.5)
    close(model.centroids, torch.tensor([equation_3(u, p, 1.5, k) for k in range(3)]), rtol=1e-7)
    assert not model.centroids.requires_grad


# --- (4), (5) -----------------------------------------------------------------------------------

thresholds = st.sampled_from([(0.8, 0.2), (0.5, 0.5), (0.6, 0.4), (1.0, 0.0), (0.9, 0.1)])


def clear(assignment, limits):
    """Whether no pair is so near a threshold that rounding decides."""
    products = [inner(a, b) for a in assignment for b in assignment]
    return all(abs(one - limit) > 1e-12 for one in products for limit in limits)


@quick
@given(batches(least=2), probabilities(), thresholds)
def test_4_pairs_judged_by_p(pair, q, limits):
    p = fuzzy.memberships(*pair, 1.5)[: len(q)]
    q = q[: len(p)]
    assume(clear(p, limits))
    expected = equation_4(q, p, *limits)
    assert dcss.pairwise_loss(q, p, *limits).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@quick
@given(probabilities(), thresholds)
def test_5_pairs_judged_by_q(q, limits):
    assume(clear(q, limits))
    expected = equation_4(q, q, *limits)
    assert dcss.pairwise_loss(q, q, *limits).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_4_both_thresholds_belong_to_their_side():
    half = exact([[1.0, 0.0], [0.5, 0.5]])  # products 1, 1/2, 1/2, 1/2
    q = exact([[1.0, 0.0], [0.0, 1.0]])
    assert dcss.pairwise_loss(q, half, 0.5, 0.25).item() == 2.0  # similar: the cross pairs cost 1 each
    assert dcss.pairwise_loss(q, half, 0.75, 0.5).item() == 1.0  # dissimilar: the last with itself


@quick
@given(st.integers(2, 6), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_5_vanishes_for_one_hot_vectors(k, clusters):
    q = torch.eye(k).double()[torch.tensor(clusters) % k]
    for judge in (q, 0.95 * q + 0.05 / k):
        assert dcss.pairwise_loss(q, judge, 0.8, 0.2).item() == 0


def test_4_pairs_in_the_ambiguity_region_get_no_gradient_and_no_loss():
    p = exact([[0.7, 0.3], [0.6, 0.4], [0.5, 0.5]])  # all products lie between 0.2 and 0.8
    q = exact([[0.1, 0.9], [1.0, 0.0], [0.3, 0.7]]).requires_grad_()
    loss = dcss.pairwise_loss(q, p, 0.8, 0.2)
    loss.backward()
    assert loss.item() == 0
    assert not q.grad.any()


@quick
@given(probabilities(), probabilities())
def test_4_equal_thresholds_use_every_pair(q, p):
    size = min(len(q), len(p))
    q, p = q[:size], p[:size]
    assume(clear(p, (0.5,)))
    agreement = dcss.similarities(p)
    signs = torch.where(agreement >= 0.5, -1.0, 1.0).double()
    leaf = q.clone().requires_grad_()
    dcss.pairwise_loss(leaf, p, 0.5, 0.5).backward()
    close(leaf.grad, 2 * signs @ q)


def test_5_no_gradient_passes_through_the_indicators_or_the_judge():
    torch.manual_seed(0)
    scores = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    q = torch.softmax(5 * scores, dim=1)
    q.retain_grad()
    dcss.pairwise_loss(q, q, 0.8, 0.2).backward()
    agreement = dcss.similarities(q.detach())
    signs = (agreement <= 0.2).double() - (agreement >= 0.8).double()
    close(q.grad, 2 * signs @ q.detach())


@quick
@given(probabilities(least=2), thresholds, st.randoms(use_true_random=False))
def test_5_renaming_clusters_and_reordering_samples_leave_the_loss(q, limits, random):
    assume(clear(q, limits))
    columns = random.sample(range(q.shape[1]), q.shape[1])
    rows = random.sample(range(len(q)), len(q))
    loss = dcss.pairwise_loss(q, q, *limits)
    close(dcss.pairwise_loss(q[rows][:, columns], q[rows][:, columns], *limits), loss)


# --- Appendix A ---------------------------------------------------------------------------------

slack = 1e-12


@many
@given(probabilities(least=2))
def test_theorem_1_a_product_is_at_most_the_smaller_maximum(q):
    for i, row in enumerate(dcss.similarities(q).tolist()):
        for j, product in enumerate(row):
            assert product <= min(max(q[i].tolist()), max(q[j].tolist())) + slack


@many
@given(probabilities(least=2), st.floats(0.01, 1))
def test_corollaries_1_1_and_1_2_an_adjacent_sample_has_a_maximum_of_zeta(q, zeta):
    for i, row in enumerate(dcss.similarities(q).tolist()):
        if any(product >= zeta for product in row):
            assert max(q[i].tolist()) >= zeta - slack


def test_corollary_1_1_the_maximum_may_equal_zeta_where_the_paper_says_greater():
    q, zeta = exact([[0.75, 0.25], [1.0, 0.0]]), 0.75
    assert dcss.similarities(q)[0, 1].item() == zeta
    assert q[0].max().item() == zeta


def adjacent(q, zeta):
    """Definition A.1, pairs of different samples."""
    products = dcss.similarities(q)
    return [(i, j) for i in range(len(q)) for j in range(len(q)) if i != j and products[i, j] >= zeta]


def crowded(zeta):
    """Rows (b, k) of which some are adjacent."""
    return probabilities(least=3).filter(lambda q: bool(adjacent(q, zeta)))


@many
@given(st.data(), st.floats(2 / 3 + 1e-6, 0.99))
def test_theorem_2_adjacent_samples_are_in_the_same_cluster(data, zeta):
    q = data.draw(crowded(zeta))
    for i, j in adjacent(q, zeta):
        assert largest(q[i]) == largest(q[j])


@many
@given(probabilities(least=2))
def test_theorem_2_holds_for_every_zeta_above_one_half(q):
    """Stronger than printed: samples of different clusters have a product of at most 1/2."""
    for i, j in adjacent(q, 0.5 + 1e-9):
        assert largest(q[i]) == largest(q[j])


def test_theorem_2_fails_at_one_half():
    q = exact([[1.0, 0.0], [0.5 - 1e-9, 0.5 + 1e-9]])
    assert dcss.similarities(q)[0, 1].item() == pytest.approx(0.5)
    assert largest(q[0]) != largest(q[1])


@many
@given(st.data(), st.floats(2 / 3 + 1e-6, 0.99))
def test_corollary_2_1_two_neighbours_of_a_third_are_in_the_same_cluster(data, zeta):
    q = data.draw(crowded(zeta))
    pairs = adjacent(q, zeta)
    for i, j in pairs:
        for other, k in pairs:
            if other == i:
                assert largest(q[j]) == largest(q[k])


@many
@given(st.data(), st.floats(0.51, 0.99), st.floats(0, 1))
def test_corollary_1_3_dissimilar_samples_with_neighbours_are_in_different_clusters(data, zeta, share):
    q, gamma = data.draw(crowded(zeta)), share * (zeta**2 - 1e-9)
    accompanied = sorted({i for i, _ in adjacent(q, zeta)})
    products = dcss.similarities(q)
    for i in accompanied:
        for k in accompanied:
            if products[i, k] <= gamma:
                assert largest(q[i]) != largest(q[k])


@many
@given(st.data(), st.floats(2 / 3 + 1e-6, 0.99), st.floats(0, 1))
def test_theorem_3_two_neighbours_of_a_third_never_repel(data, zeta, share):
    q, gamma = data.draw(crowded(zeta)), share * (zeta**2 - 1e-9)
    products, pairs = dcss.similarities(q), adjacent(q, zeta)
    for i, j in pairs:
        for k in [k for other, k in pairs if other == i]:
            assert products[j, k] >= zeta**2 - slack
            trio = q[[i, j, k]]
            attraction = dcss.pairwise_loss(trio, trio, zeta, 0.0)
            close(dcss.pairwise_loss(trio, trio, zeta, gamma), attraction)


def test_the_printed_thresholds_satisfy_the_theorems():
    config = dcss.Config()
    assert config.similar > 2 / 3
    assert config.dissimilar < config.similar**2


# --- Algorithm 1 --------------------------------------------------------------------------------


class Adam:
    """Kingma and Ba (2015), Algorithm 1, with its defaults."""

    def __init__(self, parameters, rate):
        self.parameters, self.rate, self.t = parameters, rate, 0
        self.m = [torch.zeros_like(one) for one in parameters]
        self.v = [torch.zeros_like(one) for one in parameters]

    def step(self, gradients):
        self.t += 1
        for i, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            self.m[i] = 0.9 * self.m[i] + 0.1 * gradient
            self.v[i] = 0.999 * self.v[i] + 0.001 * gradient**2
            mean, square = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.999**self.t)
            parameter.data -= self.rate * mean / (square.sqrt() + 1e-8)


class Replay:
    """Algorithm 1 sample by sample, from an autoencoder's weights, centroids and MNet's weights."""

    def __init__(self, start, mu, head, first, config):
        self.first_config, self.config, self.mu, self.k = first, config, mu.clone(), len(mu)
        self.weights = {name: value.clone().requires_grad_() for name, value in start.items()}
        state = {name: value.clone() for name, value in head.state_dict().items()}
        self.head = {
            name: value.requires_grad_(value.is_floating_point() and "running" not in name)
            for name, value in state.items()
            if "batches" not in name
        }
        self.trained = [value for value in self.head.values() if value.requires_grad]

    def layer(self, name, vector):
        return self.weights[f"{name}.weight"] @ vector + self.weights[f"{name}.bias"]

    def encode(self, x):
        return self.layer("encoder.3", self.layer("encoder.1", x).relu())

    def decode(self, u):
        return self.layer("decoder.2", self.layer("decoder.0", u).relu())

    def read(self, us, training):
        """q of u: three layers with batch normalisation and ReLU, then softmax."""
        rows = us
        for index in (0, 3, 6):
            weight, bias = self.head[f"{index}.weight"], self.head[f"{index}.bias"]
            rows = self.normalise([weight @ row + bias for row in rows], f"{index + 1}", training)
            rows = [row.relu() for row in rows]
        rows = [self.head["9.weight"] @ row + self.head["9.bias"] for row in rows]
        return [row.exp() / row.exp().sum() for row in rows]

    def normalise(self, rows, name, training):
        if training:
            mean = sum(rows) / len(rows)
            square = sum((row - mean) ** 2 for row in rows)
            variance = square / len(rows)
            news = {"running_mean": mean, "running_var": square / (len(rows) - 1)}
            for key, new in news.items():
                old = self.head[f"{name}.{key}"]
                self.head[f"{name}.{key}"] = (0.9 * old + 0.1 * new).detach()
        else:
            mean, variance = (self.head[f"{name}.running_{key}"] for key in ("mean", "var"))
        scale, shift = self.head[f"{name}.weight"], self.head[f"{name}.bias"]
        return [(row - mean) / (variance + 1e-5).sqrt() * scale + shift for row in rows]

    def move(self, x):
        """(3)."""
        us = [self.encode(one).detach() for one in x]
        p = equation_2(us, self.mu, self.config.fuzziness)
        self.mu = exact([equation_3(us, p, self.config.fuzziness, k) for k in range(self.k)])

    def first(self, x):
        """Lines 3 to 6 for one batch; the mean losses of a run."""
        m, totals = self.config.fuzziness, {"reconstruction": 0.0, "centring": 0.0}
        for k in range(self.k):
            us = [self.encode(one) for one in x]
            p = equation_2([u.detach() for u in us], self.mu, m)
            errors = [(x[i] - self.decode(us[i])).square().sum() for i in range(len(x))]
            spreads = [(us[i] - self.mu[k]).square().sum() for i in range(len(x))]
            reconstruction = sum(p[i][k] ** m * errors[i] for i in range(len(x)))
            spread = sum(p[i][k] ** m * spreads[i] for i in range(len(x)))
            loss = reconstruction + self.first_config.centring_weight * spread
            self.adam.step(torch.autograd.grad(loss, self.adam.parameters))
            totals["reconstruction"] += reconstruction.item() / len(x) / self.k
            totals["centring"] += spread.item() / len(x) / self.k
        return totals

    def second(self, x, guided):
        """Lines 11 to 13, or 16 and 17, for one batch."""
        us = [self.encode(one) for one in x]
        q = self.read(us, training=True)
        numbers = [row.tolist() for row in q]
        judge = numbers
        if guided:
            judge = equation_2([u.detach() for u in us], self.mu, self.config.fuzziness)
        loss, n = 0.0, len(x)
        shares = dict.fromkeys(("similar", "dissimilar"), 0)
        for i in range(n):
            for j in range(n):
                agreement, share = inner(judge[i], judge[j]), (i != j) / (n * (n - 1))
                if agreement >= self.config.similar:
                    loss, shares["similar"] = loss + 1 - q[i] @ q[j], shares["similar"] + share
                if agreement <= self.config.dissimilar:
                    loss, shares["dissimilar"] = loss + q[i] @ q[j], shares["dissimilar"] + share
        parameters = self.encoder.parameters + self.mnet.parameters
        gradients = torch.autograd.grad(loss, parameters)
        self.encoder.step(gradients[: len(self.encoder.parameters)])
        self.mnet.step(gradients[len(self.encoder.parameters) :])
        zeta = self.config.similar
        alone = sum(
            all(inner(numbers[i], numbers[j]) < zeta for j in range(n) if j != i) for i in range(n)
        )
        sure = sum(inner(row, row) for row in judge) / n
        return {"pairs": loss.item() / n**2, "isolated": alone / n, "sureness": sure, **shares}

    def begin_first(self):
        self.adam = Adam(list(self.weights.values()), self.first_config.learning_rate)

    def begin_second(self):
        names = [name for name in self.weights if name.startswith("encoder")]
        self.encoder = Adam([self.weights[name] for name in names], self.config.learning_rate)
        self.mnet = Adam(self.trained, self.config.mnet_learning_rate)


FIRST = centring.Config(
    start=pretraining.Config(embedding_size=2),
    epochs=3,
    centroid_interval=2,
    batch_size=4,
    learning_rate=0.01,
)
PLAIN = dcss.Config(
    start=FIRST,
    epochs=4,
    guided_epochs=2,
    batch_size=4,
    hidden_size=3,
    learning_rate=0.02,
    mnet_learning_rate=0.03,
    similar=0.6,
    dissimilar=0.4,
)
K = 3


def prepared(seed=0):
    """Data (9, 5), an autoencoder's weights, centroids, and an MNet."""
    torch.manual_seed(seed)
    x = torch.rand(9, 5)
    network, head = autoencoder("mlp", (5,), 2), mnet(2, K, 3)
    for layer in head.modules():
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    return x, start, torch.randn(K, 2), head


def follow(first, second, start):
    """Each phase's steps, the second from what the first leaves; None for a phase left out."""
    x = prepared()[0]
    if first is not None:
        for step in centring.fit(x, K, first, start):
            yield step, False
        start = step.weights()
    if second is not None:
        for step in dcss.fit(x, K, second, start):
            yield step, True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FIRST, PLAIN),
        (replace(FIRST, centring_weight=0.0, fuzziness=1.7), replace(PLAIN, fuzziness=1.7)),
        (
            replace(FIRST, centroid_interval=1, fuzziness=1.3),
            replace(PLAIN, guided_epochs=1, fuzziness=1.3),
        ),
        (replace(FIRST, epochs=4), None),
        (None, PLAIN),
        (None, replace(PLAIN, guided_epochs=9, similar=0.5, dissimilar=0.5)),
    ],
    ids=["plain", "no centring", "often", "DCSS_u", "X+MNet", "only p"],
)
def test_algorithm_1_step_by_step(double, tiny, monkeypatch, first, second):
    x, start, mu, head = prepared()
    generator = torch.Generator().manual_seed(1)
    lengths = [one.epochs for one in (first, second) if one]
    orders = [torch.randperm(9, generator=generator) for _ in range(sum(lengths))]
    waiting = iter(orders)
    for page in (centring, dcss):
        monkeypatch.setattr(page, "shuffled", lambda x, size: next(waiting).split(size))
        monkeypatch.setattr(page, "kmeans", lambda z, k: (None, mu.clone()))
    monkeypatch.setattr(dcss, "mnet", lambda *sizes: copy.deepcopy(head))
    replay = Replay(start, mu, head, first or FIRST, second or PLAIN)
    m = (second or first).fuzziness
    # Batch normalisation takes the biases before it out of the loss: Adam moves them by rounding alone.
    near = {"rtol": 1e-6, "atol": 1e-6}
    for order, (step, paired) in zip(orders, follow(first, second, start), strict=True):
        config = second if paired else first
        if step.epoch == 1:
            replay.begin_second() if paired else replay.begin_first()
        totals: dict[str, float] = {}
        batches = [order[:4], order[4:8], order[8:]]
        guided = paired and step.epoch <= config.guided_epochs
        for rows in batches[:2] if paired else batches:  # departure 9
            values = replay.second(x[rows], guided) if paired else replay.first(x[rows])
            for name, value in values.items():
                totals[name] = totals.get(name, 0.0) + value * len(rows)
        if guided or (not paired and step.epoch % config.centroid_interval == 0):
            replay.move(x)
        assert (step.epochs, step.phase) == (config.epochs, "clustering")
        us = [replay.encode(one).detach() for one in x]
        expected = {name: value / (8 if paired else 9) for name, value in totals.items()}
        if not paired:
            expected["separation"] = apart(us, replay.mu)
        curves = {name: value.item() for name, value in step.curves.items()}
        assert curves == pytest.approx(expected, rel=1e-6)
        model = step.modules["model"]
        clusters = model.clusters if paired else model
        close(model.centroids, replay.mu, **near)
        for name, value in clusters.autoencoder.state_dict().items():
            close(value, replay.weights[name].detach(), **near)
        close(step.embed(x), torch.stack(us), **near)
        if paired:
            assigned = torch.stack(replay.read(us, training=False)).detach()
            close(step.views["q"](x), assigned, **near)
            assert step.exemplars is None
        else:
            assigned = exact(equation_2(us, replay.mu, m))
            decoded = torch.stack([replay.decode(one) for one in replay.mu]).detach()
            close(step.exemplars(), decoded, **near)
            close(step.views["p"](x), assigned, **near)
        close(step.assign(x), assigned, **near)
        assert step.labels(x).tolist() == [largest(row) for row in assigned]  # line 21


# --- our sign of a contraction --------------------------------------------------------------------


def apart(us, mu):
    """The least distance of two centres over the root mean square distance to the nearest one."""
    least = min(distance(a, b) for i, a in enumerate(mu) for b in mu[:i])
    return least / sqrt(sum(min(distance(u, c) for c in mu) ** 2 for u in us) / len(us))


@quick
@given(batches(least=2))
def test_separation(pair):
    u, mu = pair
    assume(all(min(distance(a, b) for b in mu) > 1e-6 for a in u))
    assert fuzzy.separation(u, mu).item() == pytest.approx(apart(u, mu), rel=1e-6)
    close(fuzzy.separation(7 * u + 3, 7 * mu + 3), fuzzy.separation(u, mu), rtol=1e-6, atol=1e-9)


def test_separation_of_points_that_are_centres_is_large_and_of_one_point_nothing():
    mu = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert 1e3 < fuzzy.separation(mu, mu).item() < float("inf")
    assert fuzzy.separation(mu[[0, 0]], mu[[0, 0]]).item() == 0


# --- fuzzy c-means ----------------------------------------------------------------------------------


def test_c_means_is_eq_3_on_an_embedding_that_stands_still(double, tiny, monkeypatch):
    x, start, mu, _ = prepared()
    monkeypatch.setattr(cmeans, "kmeans", lambda z, k: (None, mu.clone()))
    replay = Replay(start, mu, prepared()[3], FIRST, PLAIN)
    config = cmeans.Config(start=FIRST.start, updates=4)
    for step in cmeans.fit(x, K, config, start):
        replay.move(x)
        us = [replay.encode(one).detach() for one in x]
        close(step.modules["model"].centroids, replay.mu, rtol=1e-7)
        close(step.assign(x), exact(equation_2(us, replay.mu, 1.5)), rtol=1e-6)
        assert step.curves["separation"].item() == pytest.approx(apart(us, replay.mu), rel=1e-6)
    assert (step.epoch, step.epochs) == (4, 4)
    assert equal(start, step.modules["model"].autoencoder.state_dict())


# --- what the phases may and may not move ---------------------------------------------------------


def states(first, second=None, seed=0):
    """The model's state and curves after each epoch."""
    torch.manual_seed(seed)
    found = []
    for step, _ in follow(first, second, prepared()[1]):
        state = {name: value.clone() for name, value in step.modules["model"].state_dict().items()}
        found.append(state | {name: value.clone() for name, value in step.curves.items()})
    return found


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_phase_2_trains_encoder_and_mnet_and_leaves_the_decoder(tiny):
    after = states(FIRST, PLAIN)
    before, *paired = after[FIRST.epochs - 1 :]
    for name in before:
        if name.startswith("autoencoder"):
            assert torch.equal(before[name], paired[-1][f"clusters.{name}"]) == ("decoder" in name)
    heads = [{name: one[name] for name in one if name.startswith("mnet")} for one in paired]
    assert all(heads)
    assert not equal(heads[0], heads[-1])


def test_the_centroids_move_at_their_interval_and_while_p_judges(tiny):
    found = states(replace(FIRST, epochs=5, centroid_interval=2), PLAIN)
    centroids = [one.get("centroids", one.get("clusters.centroids")) for one in found]
    moved = [not torch.equal(a, b) for a, b in pairwise(centroids)]
    assert moved == [True, False, True, False, True, True, False, False]  # epochs 2 to 5, then 1 to 4


def test_a_batch_of_one_is_left_out_of_phase_2_only(double, tiny, monkeypatch):
    _, start, *_ = prepared()
    sizes = []
    for page, name in ((centring, "reconstruction_loss"), (dcss, "pairwise_loss")):
        original = getattr(page, name)

        def noted(first, *others, original=original, name=name):
            sizes.append((name, len(first)))
            return original(first, *others)

        monkeypatch.setattr(page, name, noted)
    list(follow(replace(FIRST, epochs=1), replace(PLAIN, epochs=1), start))
    assert (
        sizes
        == [("reconstruction_loss", b) for b in (4, 4, 4, 4, 4, 4, 1, 1, 1)] + [("pairwise_loss", 4)] * 2
    )


def test_the_start_is_the_pretrained_autoencoder_and_its_k_means(tiny):
    x = torch.cat([torch.rand(8, 5) + 3 * i for i in range(K)])
    network = autoencoder("mlp", (5,), 2)
    for layer in of_kind([*network.encoder, *network.decoder], nn.Linear):
        nn.init.uniform_(layer.bias, 0.1, 1)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    config = replace(FIRST, epochs=1, learning_rate=1e-30)
    (step,) = centring.fit(x, K, config, start)  # a step of 1e-30 changes none of these numbers
    model = step.modules["model"]
    assert equal(start, model.autoencoder.state_dict())
    assert equal(start, step.modules["autoencoder"].state_dict())
    expected = KMeans(K, n_init=20, random_state=0).fit(step.embed(x).numpy()).cluster_centers_
    got = np.sort(model.centroids.numpy(), axis=0)
    np.testing.assert_allclose(got, np.sort(expected, axis=0), rtol=1e-4, atol=1e-5)


# --- X+MNet -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        idec.Config(start=pretraining.Config(embedding_size=2, epochs=1), steps=4, batch_size=8),
        dkm.Config(start=pretraining.Config(embedding_size=2, epochs=1), epochs=2, batch_size=8),
    ],
    ids=["IDEC+MNet", "DKM+MNet"],
)
def test_the_second_phase_goes_on_any_methods_autoencoder(tiny, other):
    x, start, *_ = prepared()
    method = {idec.Config: idec, dkm.Config: dkm}[type(other)]
    torch.manual_seed(0)
    *_, last = method.fit(x, K, other, start)
    weights = {name: v.clone() for name, v in last.modules["autoencoder"].state_dict().items()}
    config = replace(PLAIN, start=other)
    steps = []
    for step in dcss.fit(x, K, config, weights):
        steps.append(step)
        assert set(step.curves) == {"pairs", "similar", "dissimilar", "isolated", "sureness"}
        assert all(torch.isfinite(value) for value in step.curves.values())
    assert [step.epoch for step in steps] == [1, 2, 3, 4]
    assert "autoencoder" not in steps[-1].modules
    decoder = steps[-1].modules["model"].clusters.autoencoder.decoder.state_dict()
    assert all(torch.equal(value, weights[f"decoder.{name}"]) for name, value in decoder.items())


def test_the_second_phase_has_the_centroids_of_the_first_and_else_those_of_k_means(tiny, monkeypatch):
    x, start, mu, _ = prepared()
    config = replace(PLAIN, epochs=1, guided_epochs=1)
    monkeypatch.setattr(fuzzy.Clusters, "update", lambda self, x: None)
    (step,) = dcss.fit(x, K, config, start | {"centroids": mu})
    assert torch.equal(step.modules["model"].centroids, mu)
    assert step.modules["model"].centroids is not mu
    (step,) = dcss.fit(x, K, config, start)
    assert not torch.equal(step.modules["model"].centroids, mu)


@pytest.mark.parametrize("page", [centring, dcss])
@pytest.mark.parametrize("start", [None, kmeans.Config(), pcx.Config()])
def test_a_start_must_lead_to_an_autoencoder(page, start):
    with pytest.raises(InputError, match="`start` must be an autoencoder's pretraining"):
        page.Config(start=start)


def test_c_means_starts_from_an_autoencoder():
    with pytest.raises(InputError, match="cmeans starts from an autoencoder"):
        cmeans.Config(start=FIRST)


@pytest.mark.parametrize(("page", "config"), [(centring, FIRST), (dcss, PLAIN)])
def test_without_weights_there_is_nothing_to_start_from(page, config):
    with pytest.raises(InputError, match="none were given"):
        next(page.fit(torch.rand(9, 5), K, config))


# --- the shortened method, and awkward data -------------------------------------------------------


def run(x, k, config):
    """The pretraining that the config begins with, then the phases; the steps of these."""
    return [step for step in train(x, k, config, seed=0) if step.phase == "clustering"]


@pytest.mark.parametrize("network", ["mlp", "conv", "dcss-conv"])
@pytest.mark.parametrize("phases", ["both", "first", "second"])
def test_the_shortened_method_goes_through_every_phase(convolutional, network, phases):
    ae = pretraining.Config(network=network)
    first = centring.Config(start=ae)
    config = first if phases == "first" else dcss.Config(start=first if phases == "both" else ae)
    x = fingerprint._data()
    steps = run(x, fingerprint.CLUSTERS, config.shortened())
    one, two = phases != "second", phases != "first"
    assert ["centring" in step.curves for step in steps] == [True] * one + [False] * 2 * two
    for step in steps:
        assert all(torch.isfinite(value) for value in step.curves.values())
        p = step.assign(x)
        torch.testing.assert_close(p.sum(1), torch.ones(96))
        assert step.embed(x).shape == (96, 10)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("kind", ["constant", "duplicated", "rows", "n = k + 1", "k = 2", "one apart"])
def test_awkward_data_are_survived(tiny, kind):
    generator = torch.Generator().manual_seed(0)
    x, k = torch.rand(9, 5, generator=generator), K
    match kind:
        case "constant":
            x = torch.full((9, 5), 0.5)
        case "duplicated":
            x = x[:2].repeat(5, 1)[:9]
        case "n = k + 1":
            k = 8
        case "k = 2":
            k = 2
        case "one apart":
            x = torch.cat([torch.zeros(8, 5), 1000 * torch.ones(1, 5)])
    ae = pretraining.Config(embedding_size=2, epochs=2, batch_size=8)
    for step in run(x, k, replace(PLAIN, start=replace(FIRST, start=ae))):
        assert all(torch.isfinite(value) for value in step.curves.values())
        p = step.assign(x)
        assert p.shape == (9, k)
        torch.testing.assert_close(p.sum(1), torch.ones(9))


# --- networks and settings ------------------------------------------------------------------------


def of_kind(module, kind):
    return [one for one in module if isinstance(one, kind)]


@pytest.mark.parametrize("side", [28, 16, 8])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_convolutional_decoder_gives_back_the_shape_of_its_input(side, channels):
    network = bottlenecked((channels, side, side), 10).train()
    x = torch.rand(2, channels, side, side)
    assert network.encoder(x).shape == (2, 10)
    assert network(x).shape == x.shape
    assert network(x[:1]).shape == (1, channels, side, side)  # batch statistics of one sample
    before = {28: (14, 7, 3), 16: (14, 7, 3), 8: (10, 5, 2)}[side]
    sizes, value = [], x
    for layer in network.encoder:
        value = layer(value)
        if isinstance(layer, Bottleneck):
            sizes.append(tuple(value.shape[1:]))
    assert sizes == [(c, n, n) for c, n in zip((32, 64, 128), before, strict=True)]


def test_the_printed_sizes_of_section_6():
    assert SIZES[28] == (2, 2, 1, 2, 2, 2, 5, 4)
    assert SIZES[16] == (1, 1, 2, 2, 0, 1, 4, 5)
    network = bottlenecked((1, 28, 28), 10)
    found = of_kind(network.encoder, nn.Conv2d)
    assert [(one.kernel_size[0], one.stride[0], one.padding[0]) for one in found] == [
        (5, 2, 2),
        (5, 2, 2),
        (3, 2, 0),
    ]
    back = of_kind(network.decoder, nn.ConvTranspose2d)
    assert [(one.kernel_size[0], one.stride[0], one.padding[0]) for one in back] == [
        (3, 2, 0),
        (5, 2, 1),
        (4, 2, 2),
    ]
    assert of_kind(network.encoder, nn.Linear)[0].in_features == 1152
    assert not of_kind(network.decoder, Bottleneck)
    assert isinstance(network.encoder[-1], nn.Linear)  # linear embedding and output
    assert isinstance(network.decoder[-1], nn.ConvTranspose2d)


def test_a_bottleneck_adds_its_residual_to_the_identity():
    torch.manual_seed(0)
    block = Bottleneck(6).eval()
    x = torch.randn(2, 6, 4, 4)
    first, _, _, middle, _, _, last, _ = block.residual
    assert [one.kernel_size[0] for one in (first, middle, last)] == [1, 3, 1]
    assert (first.out_channels, middle.out_channels, last.out_channels) == (INNER, INNER, 6)
    assert not any(one.bias is not None for one in (first, middle, last))
    scale = 1 / sqrt(1 + 1e-5)  # batch normalisation with fresh running statistics
    inner_values = (middle((first(x) * scale).relu()) * scale).relu()
    torch.testing.assert_close(block(x), (last(inner_values) * scale + x).relu())


@pytest.mark.parametrize("shape", [(64,), (1, 8, 9), (1, 12, 12), (8, 8)])
def test_samples_that_the_convolutions_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match=r'needs images .* n one of 28, 16, 8, .*network="mlp"'):
        bottlenecked(shape, 10)


def test_mnet_is_the_printed_one():
    torch.manual_seed(0)
    head = mnet(10, 7, 128)
    linear = of_kind(head, nn.Linear)
    assert [linear[0].in_features, *(one.out_features for one in linear)] == [10, 128, 128, 128, 7]
    inside = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert [type(one) for one in head] == [*inside * 3, nn.Linear, nn.Softmax]
    q = head(torch.randn(5, 10))
    torch.testing.assert_close(q.sum(1), torch.ones(5))
    for one in linear:
        bound = sqrt(6 / (one.in_features + one.out_features))
        assert 0.8 * bound < one.weight.abs().max() <= bound
        assert not one.bias.any()


def test_the_printed_settings():
    first, config = centring.Config(), dcss.Config()
    assert config.start == first
    assert (first.centring_weight, first.fuzziness, config.fuzziness) == (0.1, 1.5, 1.5)
    assert (first.epochs, first.centroid_interval) == (200, 2)
    assert (config.epochs, config.guided_epochs) == (20, 5)
    assert (config.similar, config.dissimilar) == (0.8, 0.2)
    assert (first.learning_rate, config.learning_rate, config.mnet_learning_rate) == (1e-5, 1e-5, 1e-3)
    assert config.hidden_size == 128


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        (FIRST, {"fuzziness": 1.0}, "fuzziness must be greater than 1, got 1.0"),
        (FIRST, {"fuzziness": float("nan")}, "fuzziness"),
        (FIRST, {"fuzziness": float("inf")}, "fuzziness"),
        (FIRST, {"centring_weight": -0.1}, "centring_weight"),
        (PLAIN, {"fuzziness": 1.0}, "fuzziness must be greater than 1, got 1.0"),
        (PLAIN, {"similar": 0.3, "dissimilar": 0.4}, "dissimilar must not exceed similar, got 0.4"),
        (PLAIN, {"similar": 1.1}, "similar must"),
        (PLAIN, {"dissimilar": -0.1}, "dissimilar must"),
        (PLAIN, {"batch_size": 1}, "batch_size must be 2 or more, or there is no pair, got 1"),
        (PLAIN, {"guided_epochs": 0}, "guided_epochs"),
        (cmeans.Config(), {"fuzziness": 1.0}, "fuzziness must be greater than 1, got 1.0"),
    ],
)
def test_nonsense_is_refused(config, change, message):
    with pytest.raises(InputError, match=message):
        replace(config, **change)

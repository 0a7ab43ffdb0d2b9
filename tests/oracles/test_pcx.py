"""PC-X against slow loops written from the paper alone; numbers in brackets are its equations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import exp, inf, log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch import nn

from recluster.methods import pcx
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.mlp import perceptron
from recluster.parts import pretraining
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=40)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)
UPDATES = pcx.CENTROID_UPDATES


@st.composite
def batches(draw: st.DrawFn, least: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings z (b, d) and centroids mu (k, d) of drawn shapes and spreads."""
    b, d, k = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(least, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread, apart = draw(st.sampled_from([0.01, 1, 10])), draw(st.sampled_from([0, 0.3, 3]))
    mu = random.normal(size=(k, d)) * spread
    z = mu[random.integers(k, size=b)] + apart * random.normal(size=(b, d))
    return torch.tensor(z), torch.tensor(mu)


taus = st.sampled_from([0.01, 0.5, 5.0, 100.0])
etas = st.floats(0.01, 100)


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


def distance(a, b):
    """||a - b||^2."""
    return sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True))


def lambdas(z, mu, tau):
    """(2); the common factor exp(tau * smallest distance) cancels and keeps the sum above zero."""
    rows = []
    for z_n in z:
        distances = [distance(z_n, mu_k) for mu_k in mu]
        powers = [exp(-tau * (one - min(distances))) for one in distances]
        rows.append([power / sum(powers) for power in powers])
    return rows


def deltas(z, mu, tau):
    """(2): one-hot rows."""
    return [[int(k == row.index(max(row))) for k in range(len(mu))] for row in lambdas(z, mu, tau)]


def minimum_entropy(rows):
    """(8), with 0 log 0 = 0."""
    return -sum(one * log(one) for row in rows for one in row if one > 0) / len(rows)


def clustering(z, mu, delta):
    """The second term of (1)."""
    terms = (delta[n][k] * distance(z[n], mu[k]) for n in range(len(z)) for k in range(len(mu)))
    return sum(terms) / len(z)


def counts_of(delta):
    return [sum(column) for column in zip(*delta, strict=True)]


def sums_of(z, delta, k):
    return [sum(delta[n][k] * float(z[n][j]) for n in range(len(z))) for j in range(len(z[0]))]


def equation_6(z, mu, delta, eta, rho):
    """(6), the fraction as printed."""
    share = [eta / len(z) * count for count in counts_of(delta)]
    return exact(
        [
            [
                (rho * float(mu[k][j]) + eta / len(z) * total) / (rho + share[k])
                for j, total in enumerate(sums_of(z, delta, k))
            ]
            for k in range(len(mu))
        ]
    )


def moving_average(z, mu, delta, kappas):
    """The line below (6): kappa mu + (1 - kappa) mean; a cluster without samples has no mean."""
    moved = [[float(value) for value in row] for row in mu]
    for k, count in enumerate(counts_of(delta)):
        for j, total in enumerate(sums_of(z, delta, k)):
            if count:
                moved[k][j] = kappas[k] * moved[k][j] + (1 - kappas[k]) * total / count
    return exact(moved)


def smooth(alpha, epsilon):
    """(14)."""
    total = sum(alpha)
    return [(one + epsilon) * total / (total + epsilon * len(alpha)) for one in alpha]


def equation_13_and_14(alpha, delta, kappa, epsilon):
    pairs = zip(alpha, counts_of(delta), strict=True)
    return smooth([kappa * float(one) + (1 - kappa) * count for one, count in pairs], epsilon)


def members(z, mu, tau=5.0):
    """What the package works with, in place of delta: hard (b,), sums (k, d), counts (k,)."""
    hard = pcx.hard_assignment(pcx.soft_assignment(z, mu, tau))
    one_hot = nn.functional.one_hot(hard, len(mu)).to(z.dtype)
    return hard, one_hot.T @ z, one_hot.sum(0)


# --- (2) ----------------------------------------------------------------------------------------


@quick
@given(batches(), taus)
def test_2_soft_assignment(pair, tau):
    soft = pcx.soft_assignment(*pair, tau)
    close(soft, exact(lambdas(*pair, tau)), rtol=1e-6, atol=1e-9)
    close(soft.sum(1), torch.ones(len(soft)).double())


@quick
@given(batches(least=2), st.floats(1e-3, 1e3))
def test_2_the_largest_lambda_is_the_nearest_centroid_for_every_tau(pair, tau):
    z, mu = pair
    distances = [[distance(z_n, mu_k) for mu_k in mu] for z_n in z]
    gaps = [sorted(row)[1] - sorted(row)[0] for row in distances]
    assume(min(gaps) > 1e-6)
    hard = pcx.hard_assignment(pcx.soft_assignment(z, mu, tau))
    assert hard.tolist() == [row.index(min(row)) for row in distances]
    assert [row.index(1) for row in deltas(z, mu, tau)] == hard.tolist()


# --- (3) ----------------------------------------------------------------------------------------


def dense(layer, vector):
    return [
        sum(w * v for w, v in zip(row, vector, strict=True)) + bias
        for row, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_3_the_unit_is_concatenation_and_one_full_connection(double, tiny, seed):
    torch.manual_seed(seed)
    model = pcx.Model((5,), 4, pcx.Config(embedding_size=3))
    nn.init.normal_(model.fusion.bias)
    z, nearest = torch.randn(6, 3), torch.randn(6, 3)
    expected = [
        dense(model.fusion, [*map(float, a), *map(float, b)]) for a, b in zip(z, nearest, strict=True)
    ]
    close(model.fuse(z, nearest), torch.tensor(expected))


def test_3_without_the_unit_the_decoder_sees_z(tiny):
    model = pcx.Model((5,), 4, pcx.Config(embedding_size=3, centroid_integration=False))
    z = torch.randn(6, 3)
    assert model.fuse(z, torch.randn(6, 3)) is z
    assert model.fusion is None


def test_3_what_the_decoder_sees_in_a_run_is_h_of_z_and_its_nearest_centroid(double, tiny):
    x = torch.rand(12, 5, generator=torch.Generator().manual_seed(0))
    config = pcx.Config(epochs=2, burn_in=1, batch_size=4, embedding_size=3)
    *_, step = pcx.fit(x, 3, config)
    model, z = step.modules["model"], step.embed(x)
    delta = deltas(z, model.centroids, config.sharpness)
    nearest = [model.centroids[row.index(1)] for row in delta]
    expected = [
        dense(model.fusion, [*map(float, a), *map(float, b)]) for a, b in zip(z, nearest, strict=True)
    ]
    close(step.views["fused"](x), torch.tensor(expected))
    close(step.assign(x), torch.tensor(lambdas(z, model.centroids, config.sharpness)))


# --- (1), (8), (9) ------------------------------------------------------------------------------


@quick
@given(batches(), taus)
def test_1_clustering_loss(pair, tau):
    z, mu = pair
    hard, *_ = members(z, mu, tau)
    expected = clustering(z, mu, deltas(z, mu, tau))
    assert pcx.clustering_loss(z, mu[hard]).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@quick
@given(batches(), taus)
def test_8_entropy(pair, tau):
    soft = pcx.soft_assignment(*pair, tau)
    expected = minimum_entropy(soft.tolist())
    assert pcx.entropy(soft).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert -1e-12 <= expected <= log(len(pair[1])) + 1e-12


def test_8_entropy_vanishes_as_tau_grows_and_is_log_k_at_equal_distances():
    mu = exact([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    near = exact([[0.3, 0.1], [-0.2, 0.9]])
    entropies = [pcx.entropy(pcx.soft_assignment(near, mu, tau)).item() for tau in (1, 10, 1e3)]
    assert entropies[0] > entropies[1] > entropies[2]
    assert entropies[2] == pytest.approx(0, abs=1e-12)
    middle = pcx.soft_assignment(torch.zeros(3, 2).double(), mu, 5.0)
    assert pcx.entropy(middle).item() == pytest.approx(log(4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_8_entropy_has_a_finite_slope_where_lambda_underflows(dtype):
    z = torch.tensor([[0.0], [50.0]], dtype=dtype, requires_grad=True)
    soft = pcx.soft_assignment(z, torch.tensor([[0.0], [100.0], [50.0]], dtype=dtype), 5.0)
    assert (soft == 0).any()
    pcx.entropy(soft).backward()
    assert torch.isfinite(z.grad).all()


# --- (6), (7) -----------------------------------------------------------------------------------


@quick
@given(batches(), etas, etas)
def test_6_as_printed(pair, eta, rho):
    z, mu = pair
    _, sums, counts = members(z, mu)
    expected = equation_6(z, mu, deltas(z, mu, 5.0), eta, rho)
    close(pcx.proximal(mu, sums, counts, eta, rho), expected, rtol=1e-7, atol=1e-9)


@quick
@given(batches(), etas, etas)
def test_6_equals_the_moving_average_with_a_kappa_for_each_cluster(pair, eta, rho):
    z, mu = pair
    delta = deltas(z, mu, 5.0)
    _, sums, counts = members(z, mu)
    kappas = [rho / (rho + eta / len(z) * count) for count in counts_of(delta)]
    expected = moving_average(z, mu, delta, kappas)
    close(pcx.proximal(mu, sums, counts, eta, rho), expected, rtol=1e-7, atol=1e-9)
    assert all((kappa == 1) == (count == 0) for kappa, count in zip(kappas, counts, strict=True))


def subproblem(c, z, mu, hard, eta, rho):
    """(4) as a function of c: what (6) is said to minimise."""
    pull = sum((z[n] - c[hard[n]]).square().sum() for n in range(len(z))) / len(z)
    return eta * pull + rho * sum((c[k] - mu[k]).square().sum() for k in range(len(mu)))


@quick
@given(batches(), etas, etas, st.integers(0, 2**32 - 1))
def test_6_minimises_the_printed_subproblem(pair, eta, rho, seed):
    z, mu = pair
    hard, sums, counts = members(z, mu)
    best = pcx.proximal(mu, sums, counts, eta, rho)
    leaf = best.clone().requires_grad_()
    value = subproblem(leaf, z, mu, hard, eta, rho)
    value.backward()
    scale = (eta + rho) * (1 + max(z.abs().max().item(), mu.abs().max().item()))
    assert leaf.grad.abs().max().item() <= 1e-9 * scale
    generator = torch.Generator().manual_seed(seed)
    for size in (1e-2, 1.0):
        other = best + size * torch.randn(best.shape, generator=generator).double()
        assert subproblem(other, z, mu, hard, eta, rho) > value - 1e-9 * scale


@quick
@given(batches(), st.floats(0, 1))
def test_6_with_a_constant_kappa(pair, kappa):
    z, mu = pair
    delta = deltas(z, mu, 5.0)
    _, sums, counts = members(z, mu)
    expected = moving_average(z, mu, delta, [kappa] * len(mu))
    close(pcx.averaged(mu, sums, counts, kappa), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@quick
@given(batches(least=2), st.floats(0, 1))
def test_6_an_empty_cluster_keeps_its_centroid_bit_for_bit(dtype, pair, kappa):
    z, mu = (one.to(dtype) for one in pair)
    _, sums, counts = members(z, mu)
    moved = pcx.averaged(mu, sums, counts, kappa)
    empty = counts == 0
    assert torch.equal(moved[empty], mu[empty])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@quick
@given(batches())
def test_6_kappa_0_is_the_batch_mean_and_kappa_1_stands_still(dtype, pair):
    z, mu = (one.to(dtype) for one in pair)
    hard, sums, counts = members(z, mu)
    assert torch.equal(pcx.averaged(mu, sums, counts, 1.0), mu)
    moved = pcx.averaged(mu, sums, counts, 0.0)
    for k in hard.unique().tolist():
        torch.testing.assert_close(moved[k], z[hard == k].mean(0))


def state(tiny_config, mu, sizes):
    """A model whose clustering stands at mu and alpha."""
    model = pcx.Model((5,), len(mu), tiny_config)
    model.centroids.copy_(mu)
    model.sizes.copy_(sizes)
    return model


@pytest.mark.parametrize("update", UPDATES)
def test_7_one_matrix_is_both_mu_and_c_after_a_step(double, tiny, update):
    config = pcx.Config(embedding_size=2, centroid_update=update, momentum=0.9, smoothing=0.1)
    torch.manual_seed(1)
    z, mu, alpha = torch.randn(9, 2), torch.randn(4, 2), 1 + torch.rand(4)
    mu[3] = 50  # nobody is near
    model = state(config, mu, alpha)
    hard, *_ = members(z, mu)
    pcx.update(model, z, hard, config)
    delta = deltas(z, mu, config.sharpness)
    kappa, sizes = 0.9, equation_13_and_14(alpha, delta, 0.9, 0.1)
    running_sums = [
        [
            (kappa * float(mu[k][j] * alpha[k]) + (1 - kappa) * total) / sizes[k]
            for j, total in enumerate(sums_of(z, delta, k))
        ]
        for k in range(4)
    ]
    expected = {
        "average": moving_average(z, mu, delta, [kappa] * 4),
        "proximal": equation_6(z, mu, delta, 1.0, kappa / ((1 - kappa) * 4)),
        "running sums": torch.tensor(running_sums),
        "fixed": mu,
    }[update]
    close(model.centroids, expected)
    close(model.sizes, torch.tensor(sizes))
    buffers = {name for name, _ in model.named_buffers()}
    assert {"centroids", "sizes"} == buffers  # no second copy: (7) makes c and mu one


def test_6_both_forms_agree_on_a_balanced_batch(double, tiny):
    torch.manual_seed(0)
    mu = 10 * torch.eye(4)
    z = (mu + torch.rand(4, 4)).repeat(3, 1)
    moved = []
    for update in ("average", "proximal"):
        config = pcx.Config(embedding_size=4, centroid_update=update, momentum=0.8)
        model = state(config, mu, torch.ones(4))
        pcx.update(model, z, members(z, mu)[0], config)
        moved.append(model.centroids)
    close(*moved)
    assert not torch.equal(moved[0], mu)


@pytest.mark.parametrize("update", ["average", "fixed"])
def test_an_update_leaves_the_centroid_of_an_empty_cluster_bit_for_bit(tiny, update):
    config = pcx.Config(embedding_size=3, centroid_update=update)
    torch.manual_seed(0)
    mu = torch.randn(5, 3)
    model = state(config, mu, torch.ones(5))
    pcx.update(model, torch.randn(4, 3), torch.tensor([0, 0, 2, 2]), config)
    assert torch.equal(model.centroids[[1, 3, 4]], mu[[1, 3, 4]])
    assert torch.equal(model.centroids, mu) == (update == "fixed")


@pytest.mark.parametrize("momentum", [0.0, 1.0])
@pytest.mark.parametrize("update", ["average", "running sums", "fixed"])
def test_every_update_stays_finite_at_the_ends_of_kappa(tiny, update, momentum):
    config = pcx.Config(embedding_size=3, centroid_update=update, momentum=momentum)
    torch.manual_seed(0)
    mu = torch.randn(5, 3)
    model = state(config, mu, torch.ones(5))
    pcx.update(model, torch.randn(4, 3), torch.tensor([0, 0, 2, 2]), config)
    assert torch.isfinite(model.centroids).all()
    assert (model.sizes > 0).all()


@pytest.mark.parametrize("momentum", [0, 1])
def test_the_proximal_update_needs_a_kappa_that_some_rho_gives(momentum):
    with pytest.raises(InputError, match="momentum between 0 and 1"):
        pcx.Config(centroid_update="proximal", momentum=momentum)


# --- (10) to (14) -------------------------------------------------------------------------------

positives = st.lists(st.floats(0.01, 1000), min_size=1, max_size=6)


@quick
@given(positives)
def test_10_relative_sizes(alpha):
    expected = [one * len(alpha) / sum(alpha) for one in alpha]
    close(pcx.relative_sizes(exact(alpha)), exact(expected))


@given(st.floats(0.01, 1000), st.integers(1, 6))
def test_10_equal_sizes_give_omega_1(size, k):
    close(pcx.relative_sizes(torch.full((k,), size).double()), torch.ones(k).double())


@quick
@given(positives, st.floats(0, 1), st.randoms(use_true_random=False))
def test_13_running_sizes(alpha, kappa, random):
    counts = [random.randrange(20) for _ in alpha]
    expected = [kappa * a + (1 - kappa) * c for a, c in zip(alpha, counts, strict=True)]
    got = pcx.running(exact(alpha), exact(counts), kappa)
    close(got, exact(expected))


@quick
@given(positives, st.floats(1e-9, 100))
def test_14_smoothing_keeps_the_sum(alpha, epsilon):
    got = pcx.smoothed(exact(alpha), epsilon)
    close(got, exact(smooth(alpha, epsilon)))
    assert got.sum().item() == pytest.approx(sum(alpha))
    assert got.min() >= min(alpha) * (1 - 1e-9)
    assert got.max() <= max(alpha) * (1 + 1e-9)


@st.composite
def full_clusters(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """z (n, d), mu (k, d) and the cluster (n,) of each sample, no cluster empty."""
    z, mu = draw(batches())
    k = len(mu)
    hard = [*range(k), *draw(st.lists(st.integers(0, k - 1), min_size=len(z), max_size=len(z)))]
    return torch.cat([mu + 0.5, z]), mu, torch.tensor(hard)


def variances(z, mu, hard):
    """The bracket of (11): mean squared distance within each cluster."""
    inside = [[distance(z[n], mu[k]) for n in range(len(z)) if hard[n] == k] for k in range(len(mu))]
    return [sum(cluster) / len(cluster) for cluster in inside]


@quick
@given(full_clusters())
def test_11_the_plain_loss_weighs_clusters_by_their_size(case):
    z, mu, hard = case
    alpha = hard.bincount().double()
    omega = pcx.relative_sizes(alpha).tolist()
    expected = sum(w * v for w, v in zip(omega, variances(*case), strict=True)) / len(mu)
    assert pcx.clustering_loss(z, mu[hard]).item() == pytest.approx(expected)


@quick
@given(full_clusters())
def test_12_the_reweighted_loss_is_the_mean_of_the_clusters_own_losses(case):
    z, mu, hard = case
    weights = 1 / pcx.relative_sizes(hard.bincount().double())[hard]
    expected = sum(variances(*case)) / len(mu)
    assert pcx.clustering_loss(z, mu[hard], weights).item() == pytest.approx(expected)


@quick
@given(batches())
def test_12_weights_are_per_sample(pair):
    z, mu = pair
    hard, *_ = members(z, mu)
    weights = torch.linspace(0.5, 2, len(z)).double()
    expected = sum(float(w) * distance(z_n, mu[k]) for w, z_n, k in zip(weights, z, hard, strict=True))
    got = pcx.clustering_loss(z, mu[hard], weights).item()
    assert got == pytest.approx(expected / len(z), rel=1e-9, abs=1e-12)


# --- renaming clusters --------------------------------------------------------------------------


@quick
@given(batches(least=2), taus, st.randoms(use_true_random=False))
def test_renaming_clusters_renames_labels_and_leaves_the_losses(pair, tau, random):
    z, mu = pair
    gaps = [sorted(row)[1] - sorted(row)[0] for row in ([distance(a, b) for b in mu] for a in z)]
    assume(min(gaps) > 1e-6)
    order = random.sample(range(len(mu)), len(mu))
    soft, renamed = pcx.soft_assignment(z, mu, tau), pcx.soft_assignment(z, mu[order], tau)
    hard, new = pcx.hard_assignment(soft), pcx.hard_assignment(renamed)
    close(renamed, soft[:, order])
    assert [order[label] for label in new.tolist()] == hard.tolist()
    assert torch.equal(mu[order][new], mu[hard])  # so h and the reconstruction see the same
    close(pcx.entropy(renamed), pcx.entropy(soft))
    close(pcx.clustering_loss(z, mu[order][new]), pcx.clustering_loss(z, mu[hard]))


# --- exemplars ----------------------------------------------------------------------------------


def decoded(model, vector):
    """g of one hidden layer, by loops."""
    first, _, second, _ = model.autoencoder.decoder
    hidden = [max(0.0, value) for value in dense(first, vector)]
    return dense(second, hidden)


@pytest.mark.parametrize("unit", [True, False])
def test_exemplars_are_g_of_h_of_mu_twice(double, tiny, unit):
    torch.manual_seed(0)
    config = pcx.Config(epochs=1, batch_size=4, embedding_size=2, centroid_integration=unit)
    *_, step = pcx.fit(torch.rand(9, 2, 3), 3, config)
    model = step.modules["model"]
    expected = []
    for mu in model.centroids.tolist():
        fused = dense(model.fusion, [*mu, *mu]) if unit else mu
        expected.append(decoded(model, fused))
    close(step.exemplars(), torch.tensor(expected).reshape(3, 2, 3))


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
    """Algorithm 1 sample by sample, from the weights that a model starts with."""

    def __init__(self, model, k, config, features):
        self.config, self.k = config, k
        self.weights = {name: value.detach().clone() for name, value in model.named_parameters()}
        for value in self.weights.values():
            value.requires_grad_()
        self.mu, self.alpha = model.centroids.clone(), [config.batch_size / k] * k
        self.adam = Adam(list(self.weights.values()), config.learning_rate)
        self.features = features
        self.eta_1, self.eta_2 = config.clustering_weight, config.entropy_weight

    def layer(self, name, vector):
        return self.weights[f"{name}.weight"] @ vector + self.weights[f"{name}.bias"]

    def encode(self, x):
        return self.layer("autoencoder.encoder.3", self.layer("autoencoder.encoder.1", x).relu())

    def decode(self, z):
        return self.layer("autoencoder.decoder.2", self.layer("autoencoder.decoder.0", z).relu())

    def error(self, x, decoded):
        """D(x, .) of (1): ours is the mean over the features, departure 1."""
        return sum((x[j] - decoded[j]) ** 2 for j in range(self.features)) / self.features

    def batch(self, x, settled):
        """Lines 6 to 10; the losses and the confidence."""
        z = [self.encode(one) for one in x]
        delta = deltas([one.detach() for one in z], self.mu, self.config.sharpness)  # line 7
        reconstruction = clusters = entropy = confidence = 0.0
        for n in range(len(x)):
            k = delta[n].index(1)
            seen = z[n]
            if self.config.centroid_integration:
                seen = self.layer("fusion", torch.cat([z[n], self.mu[k]]))  # (3)
            reconstruction = reconstruction + self.error(x[n], self.decode(seen)) / len(x)
            omega = 1.0
            if self.config.reweighted and settled:
                omega = self.k * self.alpha[k] / sum(self.alpha)  # (10)
            clusters = clusters + (z[n] - self.mu[k]).square().sum() / omega / len(x)  # (12)
            powers = torch.stack(
                [(-self.config.sharpness * (z[n] - mu).square().sum()).exp() for mu in self.mu]
            )
            row = powers / powers.sum()
            entropy = entropy - (row * row.log()).sum() / len(x)  # (8)
            confidence += row.max().item() / len(x)
        loss = reconstruction + self.eta_1 * clusters + (self.eta_2 if settled else 0) * entropy  # (9)
        self.adam.step(torch.autograd.grad(loss, self.adam.parameters))  # line 8
        self.move([one.detach() for one in z], delta)  # lines 9 and 10
        return {
            "reconstruction": reconstruction.item(),
            "clustering": clusters.item(),
            "entropy": entropy.item(),
            "confidence": confidence,
        }

    def move(self, z, delta):
        """(6), (7), (13), (14)."""
        kappa, before = self.config.momentum, self.alpha
        self.alpha = equation_13_and_14(before, delta, kappa, self.config.smoothing)
        if self.config.centroid_update == "average":
            self.mu = moving_average(z, self.mu, delta, [kappa] * self.k)
        elif self.config.centroid_update == "proximal":
            self.mu = equation_6(z, self.mu, delta, 1.0, kappa / ((1 - kappa) * self.k))
        elif self.config.centroid_update == "running sums":
            for k in range(self.k):
                total = kappa * before[k] * self.mu[k] + (1 - kappa) * torch.tensor(sums_of(z, delta, k))
                self.mu[k] = total / self.alpha[k]


PLAIN = pcx.Config(
    epochs=3,
    burn_in=1,
    batch_size=4,
    embedding_size=2,
    momentum=0.8,
    learning_rate=0.01,
    clustering_weight=0.05,
    entropy_weight=0.1,
    smoothing=0.5,
)


@pytest.mark.parametrize(
    "config",
    [
        PLAIN,
        replace(PLAIN, burn_in=0),
        replace(PLAIN, burn_in=3),
        replace(PLAIN, centroid_integration=False),
        replace(PLAIN, reweighted=True),
        *(replace(PLAIN, centroid_update=update) for update in UPDATES[1:]),
    ],
    ids=["plain", "no burn-in", "only burn-in", "no CI", "reweighted", *UPDATES[1:]],
)
def test_algorithm_1_step_by_step(double, tiny, monkeypatch, config):
    x = torch.rand(7, 5, generator=torch.Generator().manual_seed(3))
    k = 3
    orders = torch.tensor([[3, 1, 4, 0, 5, 2, 6], [6, 5, 4, 3, 2, 1, 0], [0, 2, 4, 6, 1, 3, 5]])
    waiting = iter(orders)
    monkeypatch.setattr(pcx, "shuffled", lambda x, size: next(waiting).split(size))
    torch.manual_seed(0)
    replay = Replay(pcx.Model((5,), k, config), k, config, features=5)
    torch.manual_seed(0)
    steps = pcx.fit(x, k, config)
    for epoch, (order, step) in enumerate(zip(orders, steps, strict=True), start=1):
        totals = dict.fromkeys(("reconstruction", "clustering", "entropy", "confidence"), 0.0)
        for rows in (order[:4], order[4:]):
            values = replay.batch(x[rows], settled=epoch > config.burn_in)
            for name, value in values.items():
                totals[name] += value * len(rows) / len(x)
        assert (step.epoch, step.epochs, step.phase) == (epoch, 3, "clustering")
        assert {name: value.item() for name, value in step.curves.items()} == pytest.approx(totals)
        model = step.modules["model"]
        close(model.centroids, replay.mu, rtol=1e-7)
        close(model.sizes, torch.tensor(replay.alpha), rtol=1e-7)
        for name, value in model.named_parameters():
            close(value.detach(), replay.weights[name].detach(), rtol=1e-6, atol=1e-8)


def test_every_sample_is_visited_once_an_epoch(tiny, monkeypatch):
    seen = []
    original = pcx.shuffled

    def noted(x, size):
        seen.append(original(x, size))
        return seen[-1]

    monkeypatch.setattr(pcx, "shuffled", noted)
    list(pcx.fit(torch.rand(11, 5), 2, replace(PLAIN, epochs=4)))
    assert [[len(rows) for rows in epoch] for epoch in seen] == [[4, 4, 3]] * 4
    assert all(torch.cat(epoch).sort().values.tolist() == [*range(11)] for epoch in seen)
    assert len({tuple(torch.cat(epoch).tolist()) for epoch in seen}) > 1


# --- what the fit may and may not move ----------------------------------------------------------


def weights_by_epoch(config, seed=0, **data):
    """The weights after each epoch, by name."""
    torch.manual_seed(seed)
    x = torch.rand(14, 5, generator=torch.Generator().manual_seed(1))
    return [
        {name: value.detach().clone() for name, value in step.modules["model"].state_dict().items()}
        for step in pcx.fit(x, 3, config, **data)
    ]


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("burn_in", [1, 3])
def test_the_entropy_term_begins_one_epoch_after_the_burn_in(tiny, burn_in):
    config = replace(PLAIN, burn_in=burn_in, epochs=burn_in + 1)
    without = weights_by_epoch(replace(config, entropy_weight=0.0))
    small, large = weights_by_epoch(config), weights_by_epoch(replace(config, entropy_weight=9.0))
    for epoch in range(burn_in):  # epochs 1 to burn_in: weight 0 whatever eta_2
        assert equal(without[epoch], small[epoch])
        assert equal(without[epoch], large[epoch])
    assert not equal(without[burn_in], small[burn_in])
    assert not equal(small[burn_in], large[burn_in])


def test_the_sizes_begin_to_count_one_epoch_after_the_burn_in(tiny):
    config = replace(PLAIN, burn_in=2, epochs=3, entropy_weight=0.0)
    plain, weighted = weights_by_epoch(config), weights_by_epoch(replace(config, reweighted=True))
    assert [equal(a, b) for a, b in zip(plain, weighted, strict=True)] == [True, True, False]


def test_the_printed_burn_in_ends_after_epoch_250():
    assert (pcx.Config().burn_in, pcx.Config().epochs) == (250, 1000)


@pytest.mark.parametrize("change", [{"momentum": 1.0}, {"centroid_update": "fixed"}])
def test_no_gradient_and_no_optimiser_moves_the_centroids(tiny, change):
    torch.manual_seed(0)
    centroids = pcx.Model((5,), 3, PLAIN).centroids
    config = replace(PLAIN, burn_in=0, **change)
    states = weights_by_epoch(config)
    for one in states:
        assert torch.equal(one["centroids"], centroids)
    name = "autoencoder.encoder.1.weight"
    assert not torch.equal(states[0][name], states[-1][name])


def test_the_centroids_are_no_parameter_and_have_no_gradient(tiny):
    *_, step = pcx.fit(torch.rand(9, 5), 3, PLAIN)
    model = step.modules["model"]
    assert model.centroids.grad is None
    assert not model.centroids.requires_grad
    assert not any("centroids" in name for name, _ in model.named_parameters())
    assert all(value.grad is not None for value in model.parameters())


def test_z_gets_no_slope_through_the_choice_of_its_centroid(tiny):
    """delta is piecewise constant: the clustering term's slope is 2 (z - mu) / b and no more."""
    z = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    mu = torch.randn(4, 2, dtype=torch.float64)
    hard, *_ = members(z, mu)
    pcx.clustering_loss(z, mu[hard]).backward()
    close(z.grad, 2 * (z.detach() - mu[hard]) / 6)


def test_with_start_the_network_is_the_pretrained_one_and_the_centroids_are_k_means(tiny):
    x = torch.cat([torch.rand(8, 5) + 3 * i for i in range(3)])
    network = autoencoder("mlp", (5,), 2)
    for layer in of_kind([*network.encoder, *network.decoder], nn.Linear):
        nn.init.uniform_(layer.bias, 0.1, 1)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    config = replace(  # a step of 1e-30 changes none of these numbers
        PLAIN,
        start=pretraining.Config(embedding_size=PLAIN.embedding_size),
        momentum=1.0,
        learning_rate=1e-30,
        epochs=1,
    )
    (step,) = pcx.fit(x, 3, config, start)
    model = step.modules["model"]
    assert equal(start, model.autoencoder.state_dict())
    z = step.embed(x).numpy()
    expected = KMeans(3, n_init=20, random_state=0).fit(z).cluster_centers_
    got = model.centroids.numpy()
    np.testing.assert_allclose(np.sort(got, axis=0), np.sort(expected, axis=0), rtol=1e-4, atol=1e-5)


# --- networks of App. A.7 -----------------------------------------------------------------------

SHAPES = [(1, 28, 28), (3, 55, 55), (1, 8, 8), (1, 16, 16), (2, 9, 14)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_the_decoder_gives_back_the_shape_of_its_input(network, shape):
    model = pcx.Model(shape, 3, pcx.Config(network=network)).eval()
    with torch.no_grad():
        z = model.autoencoder.encoder(torch.rand(2, *shape))
        assert z.shape == (2, 10)
        assert model.autoencoder.decoder(model.fuse(z, z)).shape == (2, *shape)
    assert model.exemplars().shape == (3, *shape)


def of_kind(module, kind):
    return [one for one in module if isinstance(one, kind)]


def test_the_fully_connected_network_is_the_printed_one():
    network = autoencoder("mlp", (1, 28, 28), 10)
    sizes = [784, 500, 500, 2000, 10]
    for part, expected in ((network.encoder, sizes), (network.decoder, sizes[::-1])):
        layers = of_kind(part, nn.Linear)
        widths = [layers[0].in_features, *(layer.out_features for layer in layers)]
        assert widths == expected
        inner = [one for one in part if not isinstance(one, nn.Flatten | nn.Unflatten)]
        assert [type(one) for one in inner] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]


@pytest.mark.parametrize(("shape", "flat"), [((1, 28, 28), 784), ((3, 55, 55), 3136)])
def test_the_convolutional_network_is_the_printed_one(shape, flat):
    network = autoencoder("conv", shape, 10)
    printed = [(16, 3, 1, 1), (32, 3, 2, 1), (32, 3, 1, 1), (16, 3, 2, 1)]
    found = of_kind(network.encoder, nn.Conv2d)
    assert [
        (one.out_channels, one.kernel_size[0], one.stride[0], one.padding[0]) for one in found
    ] == printed
    assert len(of_kind(network.encoder, nn.BatchNorm2d)) == 4
    first, second = of_kind(network.encoder, nn.Linear)
    assert (first.in_features, first.out_features, second.out_features) == (flat, 256, 10)
    assert isinstance(network.encoder[-1], nn.Linear)
    assert isinstance(network.decoder[-1], nn.Conv2d)  # linear output


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_weights_and_centroids_start_as_glorot_has_it(network):
    torch.manual_seed(0)
    model = pcx.Model((1, 8, 8), 7, pcx.Config(network=network))
    checked = 0
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            reach = layer.weight[0, 0].numel()
            fans = (layer.weight.shape[0] + layer.weight.shape[1]) * reach
            assert 0 < layer.weight.abs().max() <= sqrt(6 / fans)
            assert layer.weight.abs().max() > 0.8 * sqrt(6 / fans)
            assert not layer.bias.any()
            checked += 1
    assert checked == {"mlp": 9, "conv": 13}[network]
    assert 0.8 * sqrt(6 / 17) < model.centroids.abs().max() <= sqrt(6 / 17)
    assert model.sizes.tolist() == pytest.approx([256 / 7] * 7)


def test_the_printed_settings():
    config = pcx.Config()
    assert (config.embedding_size, config.batch_size, config.learning_rate) == (10, 256, 5e-4)
    assert (config.sharpness, config.momentum, config.smoothing) == (5, 0.995, 1e-5)
    assert inf > config.clustering_weight > 0
    assert inf > config.entropy_weight > 0

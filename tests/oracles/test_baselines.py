"""DEC, DCN, DKM, VaDE and the clusterings without a network, against slow loops and scikit-learn."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise
from math import exp, inf, log, nan, pi

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import decomposition
from sklearn.metrics import adjusted_rand_score
from torch.distributions import Normal, kl_divergence
from torch.optim.optimizer import register_optimizer_step_post_hook

from recluster import fingerprint
from recluster.methods import dcn, dec, dkm, idec, shallow, vade
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.mlp import perceptron
from recluster.parts import acai, pretraining
from recluster.parts.assignment import sharpened, student_t
from recluster.parts.divergence import divergence
from recluster.parts.kmeans import kmeans as lloyd
from recluster.parts.randomness import seeded
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=30)
close = partial(torch.testing.assert_close, rtol=1e-8, atol=1e-8)
exact = partial(torch.tensor, dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def embeddings(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """z (n, d) and centroids (k, d)."""
    n, d, k = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    random, spread = np.random.default_rng(draw(seeds)), draw(st.sampled_from([0.01, 1, 10]))
    return exact(spread * random.normal(size=(n, d))), exact(spread * random.normal(size=(k, d)))


@st.composite
def mixtures(draw: st.DrawFn):
    """A posterior (n, d) and a prior of k Gaussians, all with their log-variances."""
    mean, means = draw(embeddings())
    random = np.random.default_rng(draw(seeds))
    log_shares = exact(np.log(random.dirichlet([1] * len(means))))
    log_variance, log_variances = (exact(random.normal(size=tuple(one.shape))) for one in (mean, means))
    return (mean, log_variance), (log_shares, means, log_variances)


def squared(a, b):
    """||a - b||^2 of tensors, one number after the other."""
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))


# --- a network and its optimisers, by hand ------------------------------------------------------

AE = pretraining.Config(epochs=1, batch_size=4, embedding_size=2)
CONFIGS = {
    dec: dec.Config(start=AE, steps=7, batch_size=4, learning_rate=0.1, refresh=3, tolerance=0.0),
    dcn: dcn.Config(start=AE, epochs=3, batch_size=4, learning_rate=0.01, clustering_weight=0.7),
    dkm: dkm.Config(start=AE, epochs=3, batch_size=4, learning_rate=0.01, sharpness=3.0),
    vade: vade.Config(start=AE, epochs=3, batch_size=4, decay_epochs=1),
}
pages = pytest.mark.parametrize("page", CONFIGS, ids=lambda page: page.Config.method)


@pytest.fixture
def double():
    """Everything that is created inside is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def start(monkeypatch):
    """The weights of a network with one hidden layer of four."""
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(4,)))
    torch.manual_seed(5)
    return {
        name: value.detach() + 0.1 * torch.rand_like(value)
        for name, value in autoencoder("mlp", (5,), 2).state_dict().items()
    }


@pytest.fixture
def in_order(monkeypatch):
    """Batches in the order of the data."""
    for page in CONFIGS:
        monkeypatch.setattr(page, "shuffled", lambda x, size: torch.arange(len(x)).split(size))


@pytest.fixture
def optimiser_steps():
    """A list that grows by one entry with every step of any optimiser."""
    taken: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    yield taken
    handle.remove()


def data(n=7):
    return torch.rand(n, 5, generator=torch.Generator().manual_seed(2))


def embedded(x, weights):
    network = autoencoder("mlp", (5,), 2)
    network.load_state_dict(weights)
    return network.encoder(x).detach()


class ByHand:
    """The network of `start` sample by sample, further parameters, and two optimisers."""

    def __init__(self, start, **others):
        values = {**start, **others}
        self.values = {name: value.detach().clone().requires_grad_() for name, value in values.items()}
        self.first = {name: torch.zeros_like(value) for name, value in self.values.items()}
        self.second = {name: torch.zeros_like(value) for name, value in self.values.items()}
        self.t = 0

    def __getattr__(self, name):
        return self.values[name]

    def layer(self, name, vector):
        return self.values[f"{name}.weight"] @ vector + self.values[f"{name}.bias"]

    def hidden(self, x):
        return self.layer("encoder.1", x).relu()

    def encode(self, x):
        return self.layer("encoder.3", self.hidden(x))

    def decode(self, z):
        return self.layer("decoder.2", self.layer("decoder.0", z).relu())

    def gradients(self, loss):
        found = torch.autograd.grad(loss, list(self.values.values()), allow_unused=True)
        return {n: g for n, g in zip(self.values, found, strict=True) if g is not None}

    def momentum(self, loss, rate, momentum):
        """v <- momentum v + gradient; the parameter moves by -rate v."""
        for name, gradient in self.gradients(loss).items():
            self.first[name] = momentum * self.first[name] + gradient
            self.values[name].data -= rate * self.first[name]

    def adam(self, loss, rate, epsilon=1e-8):
        """Algorithm 1 of Kingma and Ba."""
        self.t += 1
        for name, gradient in self.gradients(loss).items():
            self.first[name] = 0.9 * self.first[name] + 0.1 * gradient
            self.second[name] = 0.999 * self.second[name] + 0.001 * gradient**2
            mean = self.first[name] / (1 - 0.9**self.t)
            deviation = (self.second[name] / (1 - 0.999**self.t)).sqrt()
            self.values[name].data -= rate * mean / (deviation + epsilon)

    def agrees(self, state, rename=lambda name: name):
        """The package's parameters are these."""
        for name, value in state.items():
            close(value, self.values[rename(name)].detach(), rtol=1e-6, atol=1e-8)


def bare(name):
    return name.removeprefix("autoencoder.")


# --- DEC ----------------------------------------------------------------------------------------


@quick
@given(embeddings())
def test_dec_2_divergence(pair):
    q = student_t(*pair)
    p = sharpened(q)
    terms = [
        a * log(a / b) for row in zip(p, q, strict=True) for a, b in zip(*map(list, row), strict=True)
    ]
    assert divergence(p, q).item() == pytest.approx(float(sum(terms)) / len(q), rel=1e-7, abs=1e-10)
    assert divergence(p, q) >= -1e-12
    assert divergence(q, q) == 0
    assert divergence(p, q) == divergence(p, q)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dec_divergence_and_slope_are_finite_where_p_or_q_vanish(dtype):
    p = torch.tensor([[1, 0, 0], [0, 0.5, 0.5]], dtype=dtype)
    q = torch.tensor([[1, 0, 0], [0.5, 0.5, 0]], dtype=dtype, requires_grad=True)
    value = divergence(p, q)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(q.grad).all()


@quick
@given(embeddings())
def test_dec_4_and_5_are_the_gradients_of_the_sum(pair):
    z, mu = (one.clone().requires_grad_() for one in pair)
    q = student_t(z, mu)
    p = sharpened(q).detach()
    (len(z) * divergence(p, q)).backward()
    to_z, to_mu = torch.zeros_like(z), torch.zeros_like(mu)
    for i in range(len(z)):
        for j in range(len(mu)):
            way = (z[i] - mu[j]).detach()
            pull = 2 * (p[i, j] - q[i, j].detach()) * way / (1 + way.square().sum())
            to_z[i] += pull  # (4)
            to_mu[j] -= pull  # (5)
    close(z.grad, to_z, rtol=1e-6, atol=1e-7)
    close(mu.grad, to_mu, rtol=1e-6, atol=1e-7)


def dec_soft(z, mu):
    powers = torch.stack([1 / (1 + squared(z, mu_j)) for mu_j in mu])
    return powers / powers.sum()


def dec_target(q):
    sizes = [sum(row[j] for row in q) for j in range(len(q[0]))]
    rows = [[one**2 / size for one, size in zip(row, sizes, strict=True)] for row in q]
    return [[one / sum(row) for one in row] for row in rows]


@pytest.mark.parametrize("refresh", [1, 3, 100])
def test_dec_step_by_step(double, start, in_order, refresh):
    x, config = data(), replace(CONFIGS[dec], refresh=refresh)
    torch.manual_seed(1)
    encoder = {name: value for name, value in start.items() if name.startswith("encoder")}
    hand = ByHand(encoder, centroids=lloyd(embedded(x, start), 3)[1])
    torch.manual_seed(1)
    taken, steps = 0, dec.fit(x, 3, config, start)
    begin = next(steps)
    assert (begin.epoch, begin.curves) == (0, {})
    close(begin.assign(x), exact([dec_soft(z, hand.centroids).tolist() for z in embedded(x, start)]))
    for step in steps:
        losses = []
        for rows in torch.arange(7).split(4):
            if taken == config.steps:
                break
            if taken % refresh == 0:
                p = dec_target([dec_soft(hand.encode(one), hand.centroids).tolist() for one in x])
            loss = 0.0
            for n in rows.tolist():
                q = dec_soft(hand.encode(x[n]), hand.centroids)
                loss = loss + sum(p[n][j] * (log(p[n][j]) - q[j].log()) for j in range(3)) / len(rows)
            hand.momentum(loss, config.learning_rate, config.momentum)
            losses += [loss.item()] * len(rows)
            taken += 1
        assert step.curves["clustering"].item() == pytest.approx(np.mean(losses), rel=1e-6)
        hand.agrees(step.modules["model"].state_dict())
    assert taken == config.steps
    expected = [dec_soft(hand.encode(one), hand.centroids).tolist() for one in x]
    close(step.assign(x), exact(expected), rtol=1e-6)
    assert step.exemplars is None


def test_idec_without_reconstruction_is_dec(double, start, in_order, monkeypatch):
    config = CONFIGS[dec]
    monkeypatch.setattr(idec, "shuffled", dec.shuffled)
    monkeypatch.setattr(idec, "mean_error", lambda x, y: 0 * y.sum())
    monkeypatch.setattr(
        idec, "adam", lambda parameters, rate: torch.optim.SGD(parameters, rate, momentum=0.9)
    )
    shared = ("steps", "batch_size", "learning_rate", "refresh", "tolerance", "start")
    same = {name: getattr(config, name) for name in shared}
    torch.manual_seed(1)
    *_, one = dec.fit(data(), 3, config, start)
    torch.manual_seed(1)
    *_, other = idec.fit(data(), 3, idec.Config(divergence_weight=1.0, **same), start)
    close(one.assign(data()), other.assign(data()))
    close(one.modules["model"].centroids, other.modules["model"].centroids)


def test_dec_takes_no_gradient_of_the_target(start, monkeypatch):
    targets = []

    def noted(target, soft):
        targets.append(target)
        assert soft.requires_grad
        return divergence(target, soft)

    monkeypatch.setattr(dec, "divergence", noted)
    list(dec.fit(data(), 3, CONFIGS[dec], start))
    assert len(targets) == CONFIGS[dec].steps
    assert not any(target.requires_grad for target in targets)


@pytest.mark.parametrize("refresh", [1, 2, 3])
def test_dec_stops_at_the_first_refresh_that_changes_few_labels(start, optimiser_steps, refresh):
    config = replace(CONFIGS[dec], refresh=refresh, tolerance=1.0, learning_rate=1e-9)
    steps = list(dec.fit(data(), 3, config, start))
    assert len(optimiser_steps) == refresh
    assert len(steps) == 1 + -(-refresh // 2)  # the start, two batches an epoch, and none without a step


# --- DCN ----------------------------------------------------------------------------------------


def one_by_one(mu, counts, z, labels):
    """Each sample raises its centre's count and moves the centre by 1/count of the way."""
    mu, counts = mu.clone(), counts.clone()
    for z_i, a in zip(z, labels.tolist(), strict=True):
        counts[a] += 1
        mu[a] -= (mu[a] - z_i) / counts[a]
    return mu, counts


@quick
@given(embeddings(), seeds)
def test_dcn_moves_at_once_as_one_by_one(pair, seed):
    z, mu = pair
    random = np.random.default_rng(seed)
    labels = torch.tensor(random.integers(len(mu), size=len(z)))
    counts = exact(random.integers(1, 200, size=len(mu)))
    moved, after = dcn.moved(mu, counts, z, labels)
    expected, expected_counts = one_by_one(mu, counts, z, labels)
    close(moved, expected)
    assert torch.equal(after, expected_counts)
    alone = [j for j in range(len(mu)) if j not in labels.tolist()]
    assert torch.equal(moved[alone], mu[alone])
    assert torch.equal(after[alone], counts[alone])


@quick
@given(embeddings())
def test_dcn_loss_and_nearest(pair):
    z, mu = pair
    labels = dcn.nearest(z, mu)
    distances = [[squared(z_i, mu_j).item() for mu_j in mu] for z_i in z]
    least = [min(row) for row in distances]
    for row, label, value in zip(distances, labels.tolist(), least, strict=True):
        assert row[label] == pytest.approx(value, rel=1e-6)
    loss = dcn.clustering_loss(z, mu[labels])
    assert loss.item() == pytest.approx(sum(least) / (2 * len(z)), rel=1e-6)


def test_dcn_step_by_step(double, start, in_order):
    x, config = data(), replace(CONFIGS[dcn], initial_count=2)
    torch.manual_seed(1)
    labels, mu = lloyd(embedded(x, start), 3)
    before, counts, hand = mu.clone(), torch.full((3,), 2.0), ByHand(start)
    torch.manual_seed(1)
    for step in dcn.fit(x, 3, config, start):
        pairs = []
        for rows in torch.arange(7).split(4):
            errors = [(hand.decode(hand.encode(x[n])) - x[n]).square().sum() for n in rows]
            pulls = [squared(hand.encode(x[n]), mu[labels[n]]) / 2 for n in rows]
            loss = (sum(errors) + config.clustering_weight * sum(pulls)) / len(rows)
            hand.adam(loss, config.learning_rate)
            pairs += [(a.item(), b.item()) for a, b in zip(errors, pulls, strict=True)]
            z = torch.stack([hand.encode(x[n]) for n in rows]).detach()  # the new network's
            for n, z_n in zip(rows.tolist(), z, strict=True):
                distances = [squared(z_n, mu_j).item() for mu_j in mu]
                labels[n] = distances.index(min(distances))
            mu, counts = one_by_one(mu, counts, z, labels[rows])
        curves = [step.curves["reconstruction"].item(), step.curves["clustering"].item()]
        assert curves == pytest.approx(np.mean(pairs, axis=0).tolist(), rel=1e-6)
        model = step.modules["model"]
        hand.agrees(model.autoencoder.state_dict())
        close(model.centroids, mu, rtol=1e-6)
        assert torch.equal(model.counts, counts)
    assert not torch.equal(mu, before)
    nearest = [min(range(3), key=lambda j: squared(hand.encode(one), mu[j]).item()) for one in x]
    assert step.assign(x).argmax(1).tolist() == nearest
    close(step.exemplars(), torch.stack([hand.decode(one) for one in mu]).detach(), rtol=1e-6)


# --- DKM ----------------------------------------------------------------------------------------


def dkm_loss(z, mu, alpha):
    """sum_k s_ik ||z_i - mu_k||^2, averaged; the common factor in s cancels."""
    total = 0.0
    for z_i in z:
        distances = [squared(z_i, mu_k) for mu_k in mu]
        least = min(one.item() for one in distances)
        powers = [torch.exp(-alpha * (one - least)) for one in distances]
        total = total + sum(p * d for p, d in zip(powers, distances, strict=True)) / sum(powers)
    return total / len(z)


@quick
@given(embeddings(), st.sampled_from([0.0, 0.3, 5.0, 1000.0]))
def test_dkm_loss_and_assignment(pair, alpha):
    z, mu = pair
    expected = dkm_loss(z, mu, alpha).item()
    assert dkm.clustering_loss(z, mu, alpha).item() == pytest.approx(expected, rel=1e-6, abs=1e-10)
    soft = dkm.soft_assignment(z, mu, alpha)
    close(soft.sum(1), torch.ones(len(z)).double())
    for row, z_i in zip(soft.tolist(), z, strict=True):
        distances = [squared(z_i, mu_k).item() for mu_k in mu]
        powers = [exp(-alpha * (one - min(distances))) for one in distances]
        assert row == pytest.approx([one / sum(powers) for one in powers], rel=1e-5, abs=1e-8)


@quick
@given(embeddings())
def test_dkm_lies_between_the_mean_distance_and_k_means(pair):
    z, mu = pair
    distances = exact([[squared(z_i, mu_k) for mu_k in mu] for z_i in z])
    scale = float(distances.mean())
    losses = [dkm.clustering_loss(z, mu, alpha / scale).item() for alpha in (0, 0.1, 1, 10, 1e6)]
    assert losses[0] == pytest.approx(distances.mean().item(), rel=1e-6)
    assert losses[-1] == pytest.approx(distances.amin(1).mean().item(), rel=1e-4, abs=1e-4 * scale)
    assert all(a >= b - 1e-9 * scale for a, b in pairwise(losses))


def test_dkm_step_by_step(double, start, in_order):
    x, config = data(), replace(CONFIGS[dkm], clustering_weight=0.7)
    torch.manual_seed(1)
    hand = ByHand(start, centroids=lloyd(embedded(x, start), 3)[1])
    torch.manual_seed(1)
    for step in dkm.fit(x, 3, config, start):
        losses = []
        for rows in torch.arange(7).split(4):
            z = [hand.encode(x[n]) for n in rows]
            pairs = zip(rows, z, strict=True)
            error = sum((hand.decode(z_n) - x[n]).square().sum() for n, z_n in pairs) / len(rows)
            pull = dkm_loss(z, hand.centroids, config.sharpness)
            hand.adam(error + 0.7 * pull, config.learning_rate)
            losses += [(error.item(), pull.item())] * len(rows)
        curves = [step.curves["reconstruction"].item(), step.curves["clustering"].item()]
        assert curves == pytest.approx(np.mean(losses, axis=0).tolist(), rel=1e-6)
        hand.agrees(step.modules["model"].state_dict(), bare)
    close(step.exemplars(), torch.stack([hand.decode(one) for one in hand.centroids]).detach())
    close(step.assign(x), dkm.soft_assignment(step.embed(x), hand.centroids.detach(), 3.0), rtol=1e-6)


@pytest.mark.parametrize("page", [dcn, dkm])
def test_without_the_pull_the_network_is_the_autoencoder(double, start, in_order, page):
    x = data()
    hand = ByHand(start)
    for _ in range(3):
        for rows in torch.arange(7).split(4):
            errors = [(hand.decode(hand.encode(x[n])) - x[n]).square().sum() for n in rows]
            hand.adam(sum(errors) / len(rows), 0.01)
    *_, step = page.fit(x, 3, replace(CONFIGS[page], clustering_weight=0.0), start)
    hand.agrees(step.modules["model"].autoencoder.state_dict())


# --- VaDE ---------------------------------------------------------------------------------------


def gammas(z, prior):
    """p(c | z) = pi_c N(z; mu_c, s_c^2) / sum; the common factor cancels."""
    log_shares, means, log_variances = prior
    rows = []
    for z_i in z:
        powers = []
        for share, mu, log_s in zip(log_shares, means, log_variances, strict=True):
            terms = [
                -(log(2 * pi) + v + (a - b) ** 2 / torch.exp(v)) / 2
                for a, b, v in zip(z_i, mu, log_s, strict=True)
            ]
            powers.append(share + sum(terms))
        largest = max(one.item() for one in powers)
        powers = [torch.exp(one - largest) for one in powers]
        rows.append([one / sum(powers) for one in powers])
    return rows


def vade_divergence(posterior, prior, gamma):
    """E[log q(z|x)] + E[log q(c|x)] - E[log p(z|c)] - E[log p(c)], term after term."""
    log_shares, means, log_variances = prior
    total = 0.0
    for m, v, row in zip(*posterior, gamma, strict=True):
        total = total - sum(log(2 * pi) + 1 + v_j for v_j in v) / 2
        for c, g in enumerate(row):
            total = total + (g * torch.log(g) if g > 0 else 0) - g * log_shares[c]
            for m_j, v_j, mu, s in zip(m, v, means[c], log_variances[c], strict=True):
                square = (torch.exp(v_j) + (m_j - mu) ** 2) / torch.exp(s)
                total = total + g * (log(2 * pi) + s + square) / 2
    return total / len(gamma)


@quick
@given(mixtures(), seeds)
def test_vade_responsibilities_and_divergence(pair, seed):
    posterior, prior = pair
    z = posterior[0] + 0.3 * torch.randn(
        posterior[0].shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    log_soft = vade.log_responsibilities(z, *prior)
    gamma = gammas(z, prior)
    close(log_soft.exp(), exact(gamma), rtol=1e-6, atol=1e-9)
    close(log_soft.exp().sum(1), torch.ones(len(z)).double())
    got = vade.divergence(posterior, prior, log_soft).item()
    assert got == pytest.approx(vade_divergence(posterior, prior, gamma).item(), rel=1e-6, abs=1e-8)
    assert got >= -1e-9


@quick
@given(mixtures(), seeds)
def test_vade_divergence_is_never_negative_and_finite_for_hard_clusters(pair, seed):
    posterior, prior = pair
    hard = torch.tensor(np.random.default_rng(seed).integers(len(prior[0]), size=len(posterior[0])))
    log_soft = torch.full((len(hard), len(prior[0])), -1e4).double()
    log_soft[torch.arange(len(hard)), hard] = 0
    value = vade.divergence(posterior, prior, log_soft)
    assert torch.isfinite(value)
    assert value >= -1e-9


@quick
@given(mixtures())
def test_vade_with_one_standard_gaussian_is_the_ordinary_vae(pair):
    mean, log_variance = pair[0]
    d = mean.shape[1]
    prior = (torch.zeros(1).double(), torch.zeros(1, d).double(), torch.zeros(1, d).double())
    log_soft = vade.log_responsibilities(mean, *prior)
    got = vade.divergence((mean, log_variance), prior, log_soft)
    ordinary = -(1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean() / 2
    close(got, ordinary)
    deviation = (log_variance / 2).exp()
    standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    close(got, kl_divergence(Normal(mean, deviation), standard).sum(1).mean())


def test_vade_draws_from_the_posterior():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2 * log(3)]])
    torch.manual_seed(0)
    z = vade.drawn(mean.expand(4000, 2), log_variance.expand(4000, 2))
    torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.2)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 3.0]), rtol=0.05, atol=0)


@quick
@given(embeddings(), st.floats(-5, 5))
def test_vade_gaussian_likelihood(pair, log_noise):
    x, y = pair[0], pair[0] + exact(np.linspace(-1, 1, pair[0].numel())).reshape(pair[0].shape)
    expected = -norm.logpdf(x, y, exp(log_noise / 2)).sum() / len(x)
    assert vade.gaussian(x, y, exact(log_noise)).item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


@quick
@given(embeddings())
def test_vade_bernoulli_likelihood(pair):
    y = pair[0].tanh()
    x = pair[0].sigmoid()
    total = 0.0
    for x_i, y_i in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        p = 1 / (1 + exp(-8 * (y_i - 0.5)))
        total -= x_i * log(p) + (1 - x_i) * log(1 - p)
    assert vade.bernoulli(x, y).item() == pytest.approx(total / len(x), rel=1e-6)


def test_vade_learning_rate():
    config = vade.Config()
    rates = [config.rate(epoch) for epoch in range(1, 301)]
    expected, rate = [], 0.002
    for epoch in range(300):
        if epoch and epoch % 10 == 0:
            rate *= 0.9
        expected.append(max(rate, 0.0002))
    assert rates == pytest.approx(expected)
    assert rates.index(0.0002) == 220


def test_vade_mixture_is_a_fixed_point_of_em():
    random = np.random.default_rng(0)
    corners = exact([[0, 0], [9, 0], [0, 9]])[random.integers(3, size=60)]
    z = corners + exact(random.normal(size=(60, 2)))
    torch.manual_seed(0)
    log_shares, means, log_variances = vade.mixture(z, 3)
    gamma = exact(gammas(z, (log_shares, means, log_variances)))
    for c in range(3):
        size = gamma[:, c].sum()
        mean = (gamma[:, c, None] * z).sum(0) / size
        variance = (gamma[:, c, None] * (z - mean) ** 2).sum(0) / size
        close(log_shares[c].exp(), size / 60, rtol=1e-3, atol=0)
        close(means[c], mean, rtol=1e-3, atol=1e-2)
        close(log_variances[c].exp(), variance, rtol=1e-2, atol=0)


@pytest.fixture
def quiet(monkeypatch):
    """Every draw is the mean plus half a deviation, and the mixture is given."""
    prior = (
        torch.log_softmax(torch.tensor([0.1, 0.5, -0.2]), 0),
        torch.tensor([[0.3, -0.1], [0.0, 0.4], [-0.5, 0.2]]),
        torch.tensor([[-0.2, 0.1], [0.3, -0.4], [0.2, -0.6]]),
    )
    monkeypatch.setattr(vade, "drawn", lambda mean, v: mean + 0.5 * (v / 2).exp())
    monkeypatch.setattr(vade, "mixture", lambda z, k: prior)
    return prior


@pytest.mark.parametrize("likelihood", vade.LIKELIHOODS)
def test_vade_step_by_step(double, start, in_order, quiet, likelihood):
    x, config = data(), replace(CONFIGS[vade], likelihood=likelihood)
    first = ByHand(start)
    error = torch.stack([first.decode(first.encode(one)) for one in x]) - x
    mean_variance = sum(s * v.exp() for s, v in zip(quiet[0].exp(), quiet[2], strict=True))
    hand = ByHand(
        {name.replace("encoder.3", "mean"): value for name, value in start.items()},
        **{"log_variance.weight": torch.zeros(2, 4), "log_variance.bias": (mean_variance / 10).log()},
        **dict(zip(("logits", "means", "log_variances"), quiet, strict=True)),
        log_noise=error.square().mean().log(),
    )
    for epoch, step in enumerate(vade.fit(x, 3, config, start)):
        losses = []
        for rows in torch.arange(7).split(4):
            hidden = [hand.hidden(x[n]) for n in rows]
            posterior = [[hand.layer(name, one) for one in hidden] for name in ("mean", "log_variance")]
            z = [m + 0.5 * (v / 2).exp() for m, v in zip(*posterior, strict=True)]
            shares = hand.logits - hand.logits.exp().sum().log()
            prior = (shares, hand.means, hand.log_variances)
            apart = vade_divergence(posterior, prior, gammas(z, prior))
            error = 0.0
            for n, z_n in zip(rows, z, strict=True):
                y = hand.decode(z_n)
                if likelihood == "gaussian":
                    square = (x[n] - y) ** 2 / hand.log_noise.exp()
                    terms = (log(2 * pi) + hand.log_noise + square) / 2
                else:
                    p = 1 / (1 + torch.exp(-8 * (y - 0.5)))
                    terms = -(x[n] * p.log() + (1 - x[n]) * (1 - p).log())
                error = error + terms.sum() / len(rows)
            hand.adam(error + apart, max(0.002 * 0.9**epoch, 2e-4), epsilon=1e-4)
            losses += [(error.item(), apart.item())] * len(rows)
        curves = [step.curves["reconstruction"].item(), step.curves["divergence"].item()]
        assert curves == pytest.approx(np.mean(losses, axis=0).tolist(), rel=1e-6)
        hand.agrees(step.modules["model"].state_dict(), lambda n: n.replace("features", "encoder"))
    assert epoch == 2
    means = torch.stack([hand.layer("mean", hand.hidden(one)) for one in x]).detach()
    close(step.embed(x), means, rtol=1e-6)
    shares = torch.log_softmax(hand.logits.detach(), 0)
    soft = gammas(means, (shares, hand.means.detach(), hand.log_variances.detach()))
    close(step.assign(x), exact(soft), rtol=1e-6)
    shown = torch.stack([hand.decode(one) for one in hand.means]).detach()
    shown = shown if likelihood == "gaussian" else 1 / (1 + torch.exp(-8 * (shown - 0.5)))
    close(step.exemplars(), shown, rtol=1e-6)


def test_vade_bernoulli_refuses_what_is_no_probability(start):
    config = replace(CONFIGS[vade], likelihood="bernoulli")
    for x in (data() - 0.5, 2 * data()):
        with pytest.raises(InputError, match=r"outside \[0, 1\]"):
            next(vade.fit(x, 3, config, start))


# --- without a network --------------------------------------------------------------------------


def clustered(x, k, algorithm, seed=0, **options):
    torch.manual_seed(seed)
    (step,) = shallow.fit(x, k, shallow.Config(algorithm=algorithm, restarts=2, **options))
    return step


def alike(labels, others):
    return adjusted_rand_score(labels, others) == 1


def corners(n=30, seed=0):
    """Three round clusters in the plane, without negative numbers, and their names."""
    random = np.random.default_rng(seed)
    names = np.arange(n) % 3
    points = np.array([[1, 1], [9, 1], [1, 9]])[names] + random.uniform(-1, 1, (n, 2))
    return torch.tensor(points, dtype=torch.float32), names


@pytest.mark.parametrize("algorithm", ["gmm", "spectral", "agglomerative", "rbf"])
def test_clear_clusters_are_found_and_their_means_are_the_exemplars(algorithm):
    x, names = corners()
    step = clustered(x, 3, algorithm)
    labels = step.assign(x).argmax(1)
    assert alike(labels, names)
    means = torch.stack([x[labels == j].mean(0) for j in range(3)])
    close(step.exemplars(), means, rtol=1e-5, atol=1e-5)
    inertia = sum(squared(one, means[j]).item() for one, j in zip(x, labels, strict=True)) / len(x)
    assert step.curves["inertia"].item() == pytest.approx(inertia, rel=1e-4)
    assert torch.equal(step.embed(x), x)
    new, new_names = corners(12, seed=1)
    assert alike(step.assign(new).argmax(1), new_names)


def test_the_mixture_is_a_fixed_point_of_em():
    x = torch.cat([corners()[0], torch.rand(20, 2) * 9]).double()
    soft = clustered(x, 3, "gmm").assign(x)
    parameters = []
    for c in range(3):
        weight, size = soft[:, c, None], soft[:, c].sum()
        mean = (weight * x).sum(0) / size
        variance = (weight * (x - mean) ** 2).sum(0) / size
        parameters.append((torch.log(size / len(x)), mean, variance.log()))
    prior = [torch.stack(one) for one in zip(*parameters, strict=True)]
    torch.testing.assert_close(exact(gammas(x, prior)), soft, rtol=0, atol=0.05)


def ward(x, k):
    """Merge the two clusters whose union raises the sum of squares least, until k are left."""
    clusters = [[n] for n in range(len(x))]

    def price(a, b):
        way = x[a].mean(0) - x[b].mean(0)
        return len(a) * len(b) / (len(a) + len(b)) * float(way @ way)

    while len(clusters) > k:
        pairs = [(i, j) for i in range(len(clusters)) for j in range(i)]
        i, j = min(pairs, key=lambda pair: price(clusters[pair[0]], clusters[pair[1]]))
        clusters[j] += clusters.pop(i)
    labels = [0] * len(x)
    for name, members in enumerate(clusters):
        for n in members:
            labels[n] = name
    return labels


@pytest.mark.parametrize("k", [2, 3, 5])
def test_agglomerative_is_wards(k):
    x = torch.rand(18, 3, generator=torch.Generator().manual_seed(k))
    assert alike(clustered(x, k, "agglomerative").assign(x).argmax(1), ward(x.double(), k))


@pytest.mark.parametrize("n", [20, 120])
def test_spectral_parts_what_no_edge_joins(n):
    angles = torch.arange(n / 2) / (n / 2) * 2 * pi
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    x = torch.cat([circle, 12 * circle]) if n == 120 else torch.cat([circle, 12 + circle])
    labels = clustered(x, 2, "spectral").assign(x).argmax(1)
    assert alike(labels, [0] * (n // 2) + [1] * (n // 2))


def test_nmf_takes_the_largest_share_of_disjoint_parts():
    random = np.random.default_rng(0)
    parts = np.kron(np.eye(3), random.uniform(0.5, 1, size=4)) * [[5.0], [1.0], [0.2]]
    shares = random.uniform(0, 1, size=(40, 3))
    x = shares / np.linalg.norm(parts, axis=1) @ parts  # a share is of a part of length one
    labels = clustered(torch.tensor(x, dtype=torch.float32), 3, "nmf").assign(torch.tensor(x)).argmax(1)
    second, first = np.sort(shares, axis=1)[:, 1:].T
    clear = first - second > 0.15
    assert clear.sum() > 20
    assert alike(labels[clear], shares.argmax(1)[clear])


def largest_coefficient(parts, x):
    """The least squares of x on every subset of the parts; the best without negative coefficients."""
    k, best = len(parts), (float(x @ x), np.zeros(len(parts)))
    for size in range(1, k + 1):
        for subset in map(list, combinations(range(k), size)):
            w = np.zeros(k)
            w[subset] = np.linalg.lstsq(parts[subset].T, x, rcond=None)[0]
            if (w >= 0).all():
                best = min(best, (float(((x - w @ parts) ** 2).sum()), w), key=lambda pair: pair[0])
    return best[1].argmax()


def test_nmf_finds_a_samples_coefficients_on_parts_of_length_one(monkeypatch):
    random = np.random.default_rng(1)
    parts = random.uniform(0, 1, size=(3, 6)) * [[7.0], [1.0], [0.1]]

    class Fitted(decomposition.NMF):
        def fit(self, x):
            self.components_ = parts
            return self

    monkeypatch.setattr(decomposition, "NMF", Fitted)
    x = torch.tensor(random.uniform(0, 1, size=(50, 6)))
    lengths = np.linalg.norm(parts, axis=1, keepdims=True)
    expected = [largest_coefficient(parts / lengths, one) for one in x.numpy()]
    assert clustered(x, 3, "nmf").assign(x).argmax(1).tolist() == expected
    assert len(set(expected)) == 3


@pytest.mark.parametrize("algorithm", ["spectral", "agglomerative", "finch"])
def test_new_samples_follow_the_nearest_of_the_old(algorithm):
    x = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))
    new = torch.rand(25, 2, generator=torch.Generator().manual_seed(1))
    step = clustered(x, 4, algorithm)
    labels = step.assign(x).argmax(1).tolist()
    nearest = [min(range(40), key=lambda n: squared(one, x[n]).item()) for one in new]
    assert step.assign(new).argmax(1).tolist() == [labels[n] for n in nearest]
    assert torch.equal(step.assign(x[3:9]), step.assign(x)[3:9])


def test_a_start_gives_the_embedding(start):
    x = data(20)
    (step,) = shallow.fit(x, 3, shallow.Config(algorithm="agglomerative", start=AE), start)
    z = embedded(x, start)
    assert torch.equal(step.embed(x), z)
    assert alike(step.assign(x).argmax(1), ward(z.double(), 3))
    assert step.exemplars().shape == (3, 5)


def test_nmf_refuses_negative_data():
    with pytest.raises(InputError, match="without negative numbers"):
        clustered(data() - 0.5, 3, "nmf")
    step = clustered(data(), 3, "nmf")
    with pytest.raises(InputError, match="without negative numbers"):
        step.assign(-data())
    with pytest.raises(InputError, match="nmf takes no start"):
        shallow.Config(algorithm="nmf", start=AE)


def kernel_distances(x, labels, new, gamma):
    """|phi(one) - mean of phi over a cluster|^2 of each new one and cluster, by kernel values alone."""

    def kernel(a, b):
        return exp(-gamma * squared(a, b).item())

    table = []
    for one in new:
        row = []
        for c in range(max(labels) + 1):
            members = [x[n] for n in range(len(x)) if labels[n] == c]
            within = sum(kernel(a, b) for a in members for b in members) / len(members) ** 2
            row.append(1 - 2 * sum(kernel(one, a) for a in members) / len(members) + within)
        table.append(row)
    return np.array(table)


@pytest.mark.parametrize("k", [2, 4])
def test_rbf_is_a_fixed_point_of_kernel_k_means(k):
    x = torch.rand(24, 2, generator=torch.Generator().manual_seed(k)).double()
    x = torch.cat([x, x[:3]])  # what is there twice tells nothing of the width
    step = clustered(x, k, "rbf")
    labels = step.assign(x).argmax(1).tolist()
    assert sorted(set(labels)) == [*range(k)]
    pairs = [squared(a, b).item() for a, b in combinations(x, 2)]
    gamma = 1 / np.median([one for one in pairs if one > 0])
    assert kernel_distances(x, labels, x, gamma).argmin(1).tolist() == labels
    new = 2 * torch.rand(9, 2, generator=torch.Generator().manual_seed(9)).double() - 0.5
    expected = kernel_distances(x, labels, new, gamma).argmin(1)
    assert step.assign(new).argmax(1).tolist() == expected.tolist()


def test_rbf_finds_clear_clusters_from_a_few_samples_of_them(monkeypatch):
    monkeypatch.setattr(shallow, "DRAWN", 8)
    x, names = corners(60)
    assert alike(clustered(x, 3, "rbf").assign(x).argmax(1), names)


def cosine_distance(a, b):
    return 1 - float(a @ b) / float(a @ a) ** 0.5 / float(b @ b) ** 0.5


def first_neighbour_groups(points):
    """Numbers of the groups in which every point is joined to its nearest other one."""
    groups = [*range(len(points))]
    for i, one in enumerate(points):
        others = [j for j in range(len(points)) if j != i]
        nearest = min(others, key=lambda j, one=one: cosine_distance(one, points[j]))
        old, new = groups[i], groups[nearest]
        groups = [new if group == old else group for group in groups]
    return groups


def finch(x, k):
    """FINCH, Algorithms 1 and 2: the coarsest partition of k or more, then the closest two means."""

    def means(labels):
        return [x[[n for n, one in enumerate(labels) if one == name]].mean(0) for name in set(labels)]

    def renamed(labels):
        names = sorted(set(labels))
        return [names.index(one) for one in labels]

    labels = renamed(first_neighbour_groups(x))
    while True:
        groups = first_neighbour_groups(means(labels))
        coarser = renamed([groups[one] for one in labels])
        if len(set(coarser)) < k:
            break
        labels = coarser
    while len(set(labels)) > k:
        m = means(labels)
        i, j = min(combinations(range(len(m)), 2), key=lambda p: cosine_distance(m[p[0]], m[p[1]]))
        labels = renamed([i if one == j else one for one in labels])
    return labels


@pytest.mark.parametrize("k", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_finch_is_the_printed_one(seed, k):
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(seed))
    labels = clustered(x, k, "finch").assign(x).argmax(1)
    assert alike(labels, finch(x.double(), k))
    assert len(set(labels.tolist())) == k
    assert torch.equal(clustered(x, k, "finch", seed=1).assign(x).argmax(1), labels)


@pytest.mark.parametrize("seed", range(4))
def test_finch_joins_one_pair_at_a_time_where_distances_are_equal(seed):
    x = torch.tensor([[0.0, 1], [1, 0], [1, 1]]).repeat(2, 1)  # the diagonal is as near to both axes
    x = x[torch.randperm(6, generator=torch.Generator().manual_seed(seed))]
    labels = clustered(x, 2, "finch").assign(x).argmax(1)
    assert sorted(torch.bincount(labels).tolist()) == [2, 4]


def test_finch_leaves_clusters_empty_that_its_first_partition_does_not_have(capsys):
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    first = first_neighbour_groups(x.double())
    step = clustered(x, 8, "finch")
    assert len(set(first)) < 8
    assert alike(step.assign(x).argmax(1), first)
    assert step.assign(x).shape == (9, 8)
    assert torch.isfinite(step.exemplars()).all()
    assert capsys.readouterr() == ("", "")


def test_finch_refuses_what_it_cannot_do(monkeypatch):
    monkeypatch.setattr(shallow, "LARGEST", 6)
    with pytest.raises(InputError, match="at most 6 samples, got 7; take fewer"):
        clustered(data(7), 2, "finch")
    monkeypatch.setitem(sys.modules, "finch", None)
    with pytest.raises(InputError, match="pip install finch-clust"):
        clustered(data(6), 2, "finch")


# --- all of them --------------------------------------------------------------------------------

SHALLOW = {name: (shallow, shallow.Config(algorithm=name)) for name in shallow.ALGORITHMS}
ALL = {page.Config.method: (page, page.Config()) for page in CONFIGS} | SHALLOW
CASES = ALL | {
    "vade bernoulli": (vade, vade.Config(likelihood="bernoulli")),
    "gmm on ae": (shallow, shallow.Config(start=pretraining.Config())),
}
every = pytest.mark.parametrize(("page", "config"), CASES.values(), ids=CASES)
each = pytest.mark.parametrize(("page", "config"), ALL.values(), ids=ALL)


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(16, 8)))


def steps_of(page, config, x, k, seed=0):
    """The steps of a shortened config, after its start."""
    with seeded(seed):
        weights = None
        if config.start is not None:
            *_, last = pretraining.fit(x, k, config.start)
            weights = last.modules["autoencoder"].state_dict()
        return list(page.fit(x, k, config, weights))


def check(steps, x, k):
    assert steps
    for step in steps:
        assert step.phase == "clustering"
        assert all(torch.isfinite(value) for value in step.curves.values())
    soft = steps[-1].assign(x)
    assert soft.shape == (len(x), k)
    assert (soft >= 0).all()
    torch.testing.assert_close(soft.sum(1), torch.ones(len(x)))
    assert torch.isfinite(steps[-1].embed(x)).all()
    if steps[-1].exemplars is not None:
        assert steps[-1].exemplars().shape == (k, *x.shape[1:])
        assert torch.isfinite(steps[-1].exemplars()).all()


@every
def test_a_few_steps_on_the_fingerprints_data(page, config, narrow, optimiser_steps):
    x = fingerprint._data()
    steps = steps_of(page, config.shortened(), x, fingerprint.CLUSTERS)
    check(steps, x, fingerprint.CLUSTERS)
    assert len(optimiser_steps) <= 20
    first = steps[0].epoch
    assert first == (0 if page is dec else 1)
    assert [step.epoch for step in steps] == [*range(first, first + len(steps))]
    again = steps_of(page, config.shortened(), x, fingerprint.CLUSTERS)
    assert torch.equal(again[-1].assign(x), steps[-1].assign(x))
    if page is not shallow:
        assert len(steps) > 1
    elif config.algorithm != "nmf":
        assert alike(steps[-1].assign(x).argmax(1), np.arange(96) // 24)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@each
@pytest.mark.parametrize(
    ("kind", "k"),
    [("constant", 3), ("duplicated", 3), ("one apart", 2), ("rows", 2), ("few", 3), ("remainder", 3)],
)
def test_awkward_data_are_survived(page, config, kind, k, narrow):
    random = torch.rand(33, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x = {
        "constant": torch.full((17, 1, 4, 4), 0.5),
        "duplicated": random[:2].repeat(9, 1, 1, 1)[:17],
        "one apart": torch.cat([torch.zeros(16, 1, 4, 4), torch.ones(1, 1, 4, 4)]),
        "rows": random.flatten(1),
        "few": random[: k + 1],
        "remainder": random,
    }[kind]
    check(steps_of(page, config.shortened(), x, k), x, k)


@pages
def test_they_start_from_an_autoencoder(page, start):
    assert replace(CONFIGS[page], start=acai.Config()).shortened().start == acai.Config().shortened()
    for nothing in (None, idec.Config()):
        with pytest.raises(InputError, match="starts from an autoencoder"):
            page.Config(start=nothing)
    with pytest.raises(InputError, match="none were given"):
        next(page.fit(data(), 3, CONFIGS[page]))


@each
def test_nonsense_is_refused(page, config):
    numbers = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    numbers = {name: value for name, value in numbers.items() if isinstance(value, int | float)}
    assert numbers
    for name, value in numbers.items():
        for wrong in [-1, nan, -inf] + [0] * isinstance(value, int):
            with pytest.raises(InputError, match=name):
                replace(config, **{name: wrong})
    with pytest.raises(InputError, match="unknown algorithm"):
        shallow.Config(algorithm="dbscan")
    with pytest.raises(InputError, match="unknown likelihood"):
        vade.Config(likelihood="laplace")
    with pytest.raises(InputError, match="shallow can start from an autoencoder"):
        shallow.Config(start=idec.Config())


def test_the_sources_settings():
    a, b, c, d = dec.Config(), dcn.Config(), dkm.Config(), vade.Config()
    assert (a.steps, a.batch_size, a.refresh, a.tolerance) == (20_000, 256, 140, 0.001)
    assert (a.learning_rate, a.momentum) == (0.01, 0.9)
    assert (b.epochs, b.batch_size, b.learning_rate) == (150, 256, 1e-4)
    assert (b.clustering_weight, b.initial_count) == (0.1, 100)
    assert (c.epochs, c.batch_size, c.learning_rate) == (100, 256, 1e-3)
    assert (c.sharpness, c.clustering_weight) == (1000, 1)
    assert (d.batch_size, d.learning_rate, d.stability) == (100, 0.002, 1e-4)
    assert (d.decay, d.decay_epochs, d.least_learning_rate) == (0.9, 10, 2e-4)

"""DEC's and IDEC's equations, and k-means, against slow loops and scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from math import log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as relative_entropy
from sklearn.cluster import KMeans
from torch.optim.optimizer import register_optimizer_step_post_hook

from recluster.methods import idec, kmeans
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.mlp import perceptron
from recluster.parts import pretraining
from recluster.parts.assignment import sharpened, squared_distances, student_t
from recluster.parts.divergence import divergence
from recluster.parts.kmeans import kmeans as lloyd
from recluster.parts.reconstruction import mean_error, summed_error

quick = settings(deadline=None, max_examples=40)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)


@st.composite
def embeddings(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """z (n, d) and centroids (k, d)."""
    n, d, k = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.01, 1, 10]))
    return exact(spread * random.normal(size=(n, d))), exact(spread * random.normal(size=(k, d)))


@st.composite
def assignments(draw: st.DrawFn) -> torch.Tensor:
    """Soft assignments (n, k), every cluster with some of every row."""
    n, k = draw(st.integers(1, 7)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return exact(random.dirichlet([draw(st.sampled_from([0.5, 1, 20]))] * k, size=n) + 1e-9)


# --- slow, from the papers ----------------------------------------------------------------------


def distance(a, b):
    return sum((p - q) ** 2 for p, q in zip(a.tolist(), b.tolist(), strict=True))


def dec_1(z, mu):
    """q_ij = (1 + ||z_i - mu_j||^2)^-1 / sum_j' (1 + ||z_i - mu_j'||^2)^-1."""
    rows = [[1 / (1 + distance(z_i, mu_j)) for mu_j in mu] for z_i in z]
    return [[one / sum(row) for one in row] for row in rows]


def dec_3(q):
    """p_ij = (q_ij^2 / f_j) / sum_j' (q_ij'^2 / f_j'), f_j = sum_i q_ij."""
    sizes = [sum(row[j] for row in q) for j in range(len(q[0]))]
    rows = [[one**2 / size for one, size in zip(row, sizes, strict=True)] for row in q]
    return [[one / sum(row) for one in row] for row in rows]


def kullback_leibler(p, q):
    """sum_i sum_j p_ij log(p_ij / q_ij), over the number of samples."""
    rows = zip(p, q, strict=True)
    terms = [a * log(a / b) for one in rows for a, b in zip(*one, strict=True) if a > 0]
    return sum(terms) / len(p)


# --- distances ----------------------------------------------------------------------------------


@quick
@given(embeddings())
def test_squared_distances(pair):
    z, mu = pair
    expected = [[distance(z_n, mu_k) for mu_k in mu] for z_n in z]
    close(squared_distances(z, mu), exact(expected))
    assert (squared_distances(z.float(), z.float()) >= 0).all()


# --- DEC (1) and (3) ----------------------------------------------------------------------------


@quick
@given(embeddings())
def test_1_soft_assignment(pair):
    q = student_t(*pair)
    close(q, exact(dec_1(*pair)))
    close(q.sum(1), exact([1.0] * len(q)))


@quick
@given(assignments())
def test_3_target(q):
    p = sharpened(q)
    close(p, exact(dec_3(q.tolist())))
    close(p.sum(1), exact([1.0] * len(q)))


@pytest.mark.parametrize("k", [2, 3, 7])
def test_the_target_of_a_uniform_or_one_hot_assignment_is_itself(k):
    uniform = exact([[1 / k] * k] * 4)
    close(sharpened(uniform), uniform)
    one_hot = torch.eye(k).double().repeat(3, 1)
    assert torch.equal(sharpened(one_hot), one_hot)


@quick
@given(assignments(), st.integers(2, 4))
def test_the_target_does_not_change_when_all_data_are_doubled(q, times):
    close(sharpened(q.repeat(times, 1)), sharpened(q).repeat(times, 1))


@quick
@given(assignments())
def test_the_target_is_sharper_where_clusters_are_balanced(q):
    k = q.shape[1]
    balanced = torch.cat([q.roll(shift, dims=1) for shift in range(k)])
    p = sharpened(balanced)
    close(balanced.sum(0), balanced.sum(0).mean().expand(k))
    assert torch.equal(p.argmax(1), balanced.argmax(1)) or has_ties(balanced)
    assert (p.amax(1) >= balanced.amax(1) / balanced.sum(1) - 1e-9).all()
    sharper = -(p * p.clamp_min(1e-300).log()).sum(1)
    assert (sharper <= -(balanced * balanced.log()).sum(1) + 1e-6).all()


def has_ties(q):
    largest = q.sort(1, descending=True).values
    return bool((largest[:, 0] - largest[:, 1] < 1e-12).any())


@quick
@given(assignments(), st.randoms(use_true_random=False))
def test_renaming_clusters_renames_the_target(q, random):
    order = random.sample(range(q.shape[1]), q.shape[1])
    close(sharpened(q[:, order]), sharpened(q)[:, order])


# --- the divergence -----------------------------------------------------------------------------


@quick
@given(assignments())
def test_divergence(q):
    q = q / q.sum(1, keepdim=True)
    p = sharpened(q)
    got = divergence(p, q).item()
    assert got == pytest.approx(kullback_leibler(p.tolist(), q.tolist()), rel=1e-8, abs=1e-12)
    assert got == pytest.approx(relative_entropy(p.numpy(), q.numpy(), axis=1).mean(), abs=1e-9)
    assert got >= -1e-12
    assert divergence(q, q).item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_divergence_and_its_slope_are_finite_where_p_or_q_vanish(dtype):
    p = torch.tensor([[1, 0, 0], [0, 0.5, 0.5]], dtype=dtype)
    q = torch.tensor([[1, 0, 0], [0.5, 0.5, 0]], dtype=dtype, requires_grad=True)
    value = divergence(p, q)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(q.grad).all()
    assert divergence(p, p).item() == 0


# --- the algorithm ------------------------------------------------------------------------------

AE = pretraining.Config(epochs=1, batch_size=4, embedding_size=2)
CONFIG = idec.Config(
    start=AE, steps=7, batch_size=4, learning_rate=0.01, divergence_weight=0.7, refresh=3,
    tolerance=0.0,
)  # fmt: skip


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
    monkeypatch.setattr(idec, "shuffled", lambda x, size: torch.arange(len(x)).split(size))


def data():
    return torch.rand(7, 5, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def optimiser_steps():
    """A list that grows by one entry with every step of any optimiser."""
    taken: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    yield taken
    handle.remove()


class Replay:
    """IDEC's Algorithm 1 sample by sample; Adam by its own pseudo-code."""

    def __init__(self, start, mu, config):
        self.config = config
        self.weights = {name: value.clone().requires_grad_() for name, value in start.items()}
        self.mu = mu.clone().requires_grad_()
        self.all = [*self.weights.values(), self.mu]
        self.m = [torch.zeros_like(one) for one in self.all]
        self.v = [torch.zeros_like(one) for one in self.all]
        self.t = 0

    def layer(self, name, vector):
        return self.weights[f"{name}.weight"] @ vector + self.weights[f"{name}.bias"]

    def encode(self, x):
        return self.layer("encoder.3", self.layer("encoder.1", x).relu())

    def decode(self, z):
        return self.layer("decoder.2", self.layer("decoder.0", z).relu())

    def target(self, x):
        z = torch.stack([self.encode(one) for one in x]).detach()
        return dec_3(dec_1(z, self.mu.detach()))

    def batch(self, x, p):
        """One step on the samples x with their targets p; the two losses."""
        reconstruction = divergence = 0.0
        for x_i, p_i in zip(x, p, strict=True):
            z = self.encode(x_i)
            error = (x_i - self.decode(z)).square().sum() / x_i.numel()
            reconstruction = reconstruction + error / len(x)
            powers = torch.stack([1 / (1 + (z - mu_j).square().sum()) for mu_j in self.mu])
            q = powers / powers.sum()
            for j in range(len(self.mu)):
                divergence = divergence + p_i[j] * (log(p_i[j]) - q[j].log()) / len(x)
        loss = reconstruction + self.config.divergence_weight * divergence
        gradients = torch.autograd.grad(loss, self.all, allow_unused=True)
        self.t += 1
        for i, (one, gradient) in enumerate(zip(self.all, gradients, strict=True)):
            gradient = torch.zeros_like(one) if gradient is None else gradient
            self.m[i] = 0.9 * self.m[i] + 0.1 * gradient
            self.v[i] = 0.999 * self.v[i] + 0.001 * gradient**2
            mean, square = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.999**self.t)
            one.data -= self.config.learning_rate * mean / (square.sqrt() + 1e-8)
        return reconstruction.item(), divergence.item()


@pytest.mark.parametrize("refresh", [1, 3, 100])
def test_the_algorithm_step_by_step(double, start, in_order, refresh):
    x, config = data(), replace(CONFIG, refresh=refresh)
    replay, step_number = None, 0
    torch.manual_seed(1)
    centroids = lloyd(embedded(x, start), 3)[1]
    replay = Replay(start, centroids, config)
    torch.manual_seed(1)
    steps = idec.fit(x, 3, config, start)
    begin = next(steps)
    assert (begin.epoch, begin.curves) == (0, {})
    close(begin.assign(x), exact(dec_1(embedded(x, start), centroids)))
    for step in steps:
        totals, count = [0.0, 0.0], 0
        for rows in torch.arange(7).split(4):
            if step_number == config.steps:
                break
            if step_number % refresh == 0:
                p = replay.target(x)
            losses = replay.batch(x[rows], [p[n] for n in rows])
            totals = [total + one * len(rows) for total, one in zip(totals, losses, strict=True)]
            count += len(rows)
            step_number += 1
        means = [total / count for total in totals]
        assert [step.curves["reconstruction"].item(), step.curves["clustering"].item()] == (
            pytest.approx(means, rel=1e-6)
        )
        model = step.modules["model"]
        close(model.centroids.detach(), replay.mu.detach(), rtol=1e-6)
        for name, value in model.autoencoder.state_dict().items():
            close(value, replay.weights[name].detach(), rtol=1e-6, atol=1e-8)
    assert step_number == config.steps
    close(step.assign(x), exact(dec_1(step.embed(x), model.centroids.detach())))
    expected = [replay.decode(mu).tolist() for mu in replay.mu]
    close(step.exemplars(), exact(expected), rtol=1e-6)


def embedded(x, weights):
    network = autoencoder("mlp", (5,), 2)
    network.load_state_dict(weights)
    return network.encoder(x).detach()


def test_with_gamma_0_it_is_the_autoencoder(double, start, in_order):
    x, config = data(), replace(CONFIG, divergence_weight=0.0, refresh=2)
    network = autoencoder("mlp", (5,), 2)
    network.load_state_dict(start)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    batches = [rows for _ in range(4) for rows in torch.arange(7).split(4)][: config.steps]
    for rows in batches:
        optimiser.zero_grad()
        loss = sum((x[n] - network(x[n : n + 1])[0]).square().mean() for n in rows) / len(rows)
        loss.backward()
        optimiser.step()
    torch.manual_seed(1)
    centroids = lloyd(embedded(x, start), 3)[1]
    torch.manual_seed(1)
    *_, step = idec.fit(x, 3, config, start)
    model = step.modules["model"]
    for name, value in model.autoencoder.state_dict().items():
        close(value, network.state_dict()[name], rtol=1e-7)
    assert torch.equal(model.centroids, centroids)


def test_no_gradient_reaches_the_target(start, monkeypatch):
    targets, original = [], divergence

    def noted(target, soft):
        targets.append(target)
        assert soft.requires_grad
        return original(target, soft)

    monkeypatch.setattr(idec, "divergence", noted)
    list(idec.fit(data(), 3, CONFIG, start))
    assert len(targets) == CONFIG.steps
    assert not any(target.requires_grad for target in targets)


@pytest.mark.parametrize("refresh", [1, 2, 3, 7])
def test_it_stops_at_the_first_refresh_that_changes_few_labels(start, optimiser_steps, refresh):
    config = replace(CONFIG, refresh=refresh, tolerance=1.0, learning_rate=1e-9)
    steps = list(idec.fit(data(), 3, config, start))
    assert len(optimiser_steps) == refresh
    assert [step.epoch for step in steps] == [*range(len(steps))]
    assert len(steps) == 1 + -(-refresh // 2)  # the start, two batches an epoch, and none without a step


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_it_takes_so_many_steps_and_no_more(start, optimiser_steps, steps):
    yielded = list(idec.fit(data(), 3, replace(CONFIG, steps=steps), start))
    assert len(optimiser_steps) == steps
    assert [step.epoch for step in yielded] == [*range(-(-steps // 2) + 1)]
    assert all(step.epochs == len(yielded) - 1 for step in yielded)


def test_the_authors_settings():
    config = idec.Config()
    assert (config.divergence_weight, config.refresh, config.tolerance) == (0.1, 140, 0.001)
    assert (config.batch_size, config.steps, config.learning_rate) == (256, 20_000, 1e-3)


# --- pretraining and its loss -------------------------------------------------------------------


@quick
@given(embeddings(), st.integers(0, 2**32 - 1))
def test_reconstruction_losses(pair, seed):
    x = pair[0]
    other = x + torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).double()
    total = sum(distance(a, b) for a, b in zip(x, other, strict=True))
    assert summed_error(x, other).item() == pytest.approx(total / len(x))
    assert mean_error(x, other).item() == pytest.approx(total / x.numel())
    images = x[:, :, None, None].expand(-1, -1, 2, 3)
    assert summed_error(images, images + 1).item() == pytest.approx(6 * x.shape[1])


def test_pretraining_is_adam_on_the_summed_error(double, start, monkeypatch):
    monkeypatch.setattr(pretraining, "shuffled", lambda x, size: torch.arange(len(x)).split(size))
    x, config = data(), replace(AE, epochs=2, learning_rate=0.01)
    torch.manual_seed(0)
    network = autoencoder("mlp", (5,), 2)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    means = []
    for _ in range(2):
        losses = []
        for rows in torch.arange(7).split(4):
            optimiser.zero_grad()
            loss = sum((x[n] - network(x[n : n + 1])[0]).square().sum() for n in rows) / len(rows)
            loss.backward()
            optimiser.step()
            losses.append(loss.item() * len(rows))
        means.append(sum(losses) / 7)
    torch.manual_seed(0)
    curves = []
    for step in pretraining.fit(x, 3, config):
        curves.append(step.curves["reconstruction"].item())
    assert curves == pytest.approx(means)
    for name, value in step.modules["autoencoder"].state_dict().items():
        close(value, network.state_dict()[name], rtol=1e-7)


# --- k-means ------------------------------------------------------------------------------------


def objective(z, labels):
    """Sum of squared distances to the means of the clusters."""
    clusters = [z[[n for n in range(len(z)) if labels[n] == k]] for k in set(labels)]
    return sum(distance(row, cluster.mean(0)) for cluster in clusters for row in cluster)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("k", [2, 3])
def test_k_means_finds_the_best_of_all_partitions(seed, k):
    z = torch.randn(7, 2, generator=torch.Generator().manual_seed(seed)).double()
    best = min(objective(z, labels) for labels in product(range(k), repeat=7))
    torch.manual_seed(seed)
    labels, centroids = lloyd(z, k)
    assert objective(z, labels.tolist()) == pytest.approx(best)
    for j in range(k):
        close(centroids[j], z[labels == j].mean(0))


@pytest.mark.parametrize("seed", range(3))
def test_k_means_is_as_good_as_scikit_learns_and_at_rest(seed):
    z = torch.randn(80, 3, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    labels, centroids = lloyd(z, 3)
    other = KMeans(3, n_init=50, random_state=1).fit(z.numpy())
    assert (z - centroids[labels]).square().sum().item() == pytest.approx(other.inertia_, rel=1e-3)
    assert torch.equal(torch.cdist(z, centroids).argmin(1), labels)


def test_k_means_draws_from_torchs_global_stream():
    z = torch.rand(40, 2, generator=torch.Generator().manual_seed(0))

    def centroids(seed):
        torch.manual_seed(seed)
        return lloyd(z, 6, restarts=1)[1]

    assert torch.equal(centroids(3), centroids(3))
    assert len({centroids(seed).sum().item() for seed in range(5)}) > 1


@pytest.mark.parametrize("network", [False, True])
def test_the_baseline_is_k_means_on_the_data_or_on_the_embedding(start, network):
    x = data().repeat(3, 1) + 0.1 * torch.rand(21, 5, generator=torch.Generator().manual_seed(9))
    config = kmeans.Config(start=AE if network else None)
    torch.manual_seed(0)
    (step,) = kmeans.fit(x, 3, config, start if network else None)
    z = embedded(x, start) if network else x
    other = KMeans(3, n_init=20, random_state=0).fit(z.numpy())
    assert torch.equal(step.embed(x), z)
    assert step.curves["inertia"].item() == pytest.approx(other.inertia_ / 21, rel=1e-4)
    probabilities = step.assign(x)
    assert set(probabilities.unique().tolist()) == {0, 1}
    centroids = step.modules["model"].centroids
    assert torch.equal(probabilities.argmax(1), torch.cdist(z, centroids).argmin(1))
    if not network:
        assert torch.equal(step.exemplars(), centroids)


@pytest.mark.parametrize(
    "offset",
    [0, 1e3, 1e5],
)
def test_k_means_does_not_depend_on_the_origin(offset):
    corners = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]]).repeat_interleave(10, 0)
    x = corners + torch.rand(30, 2, generator=torch.Generator().manual_seed(0)) + offset
    torch.manual_seed(0)
    (step,) = kmeans.fit(x, 3, kmeans.Config())
    labels = step.assign(x).argmax(1).reshape(3, 10)
    assert (labels == labels[:, :1]).all()
    assert len(labels[:, 0].unique()) == 3

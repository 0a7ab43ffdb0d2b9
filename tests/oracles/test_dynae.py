"""DynAE and its pretraining against slow loops written from the paper alone.

Numbers in brackets are the paper's equations. Squared errors are means over elements throughout, the
first departure of both pages.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from recluster.methods import METHODS, Method, dynae
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.autoencoder import fan_in
from recluster.nets.critic import Critic
from recluster.nets.mlp import perceptron
from recluster.parts import acai, pretraining
from recluster.parts.assignment import student_t
from recluster.parts.augmentation import augmented
from recluster.parts.kmeans import kmeans as lloyd
from recluster.spec import InputError
from recluster.train import train

quick = settings(deadline=None, max_examples=40)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def embeddings(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """z (n, d) and centroids (k, d), k at least 2."""
    n, d, k = draw(st.integers(1, 7)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    random, spread = np.random.default_rng(draw(seeds)), draw(st.sampled_from([0.01, 1, 10]))
    return exact(spread * random.normal(size=(n, d))), exact(spread * random.normal(size=(k, d)))


@st.composite
def assignments(draw: st.DrawFn) -> torch.Tensor:
    """Rows q (n, k) that sum to one, some of them with ties."""
    n, k = draw(st.integers(1, 9)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(seeds))
    rows = random.dirichlet([draw(st.sampled_from([0.1, 1, 20]))] * k, size=n)
    if draw(st.booleans()):
        rows[:, 1] = rows[:, 0] = (rows[:, 0] + rows[:, 1]) / 2
    return exact(rows)


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, ...]:
    """x, outputs and images (b, ...) as rows or images, and who is in doubt (b,)."""
    b = draw(st.integers(1, 6))
    shape = (b, *draw(st.sampled_from([(3,), (1, 2, 2), (2, 3, 1)])))
    random = np.random.default_rng(draw(seeds))
    doubtful = draw(st.lists(st.booleans(), min_size=b, max_size=b))
    return (*(exact(random.normal(size=shape)) for _ in range(3)), torch.tensor(doubtful))


betas = st.floats(-0.5, 1)
drops = st.floats(0, 1)


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


@pytest.fixture
def named(monkeypatch):
    """Both methods under their names, for `train`."""
    monkeypatch.setitem(METHODS, "acai", Method(acai.Config, acai.fit))
    monkeypatch.setitem(METHODS, "dynae", Method(dynae.Config, dynae.fit))


@pytest.fixture
def optimiser_steps():
    """A list that grows by one entry with every step of any optimiser."""
    taken: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    yield taken
    handle.remove()


# --- slow, from the paper -----------------------------------------------------------------------


def distance(a, b):
    """||a - b||_2^2 of two samples of any shape."""
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    return sum((p - q) ** 2 for p, q in pairs)


def equation_4(z, mu, alpha=1):
    power = -(alpha + 1) / 2
    rows = [[(1 + distance(z_i, mu_j) / alpha) ** power for mu_j in mu] for z_i in z]
    return [[one / sum(row) for one in row] for row in rows]


def h(row, place):
    """h_ij' as the text has it, the j'th maximal value: a tie is two values."""
    return sorted(row, reverse=True)[place - 1]


def equation_5(row, place):
    """h_ij' as printed: the largest of the values below the last, the empty maximum being -inf."""
    last = max(row)
    for _ in range(place - 1):
        last = max((one for one in row if one < last), default=-inf)
    return last


def equation_8(q, beta_1, beta_2):
    """S bar, as booleans."""
    return [h(row, 1) < beta_1 or (h(row, 1) - h(row, 2)) < beta_2 for row in q]


def equation_13(q, beta_1, beta_2):
    """S, as booleans."""
    return [h(row, 1) >= beta_1 and (h(row, 1) - h(row, 2)) >= beta_2 for row in q]


def equation_9(x, outputs, images, doubtful):
    """The sum, not yet the mean."""
    total = 0.0
    for i in range(len(x)):
        total += distance(x[i] if doubtful[i] else images[i], outputs[i])
    return total


def equation_12(z, nearest, doubtful):
    """The sum, not yet the mean."""
    return sum(distance(z[i], nearest[i]) for i in range(len(z)) if not doubtful[i])


def sigma(z, mu):
    """The number of the centroid with the highest assignment."""
    return [row.index(max(row)) for row in equation_4(z, mu)]


def equation_6(x, outputs, answers, weight):
    """Per sample."""
    reconstruction = sum(map(distance, x, outputs)) / len(x)
    return reconstruction + weight * sum(float(one) ** 2 for one in answers) / len(x)


def equation_7(answers, alpha, unmixed):
    """Per sample."""
    regression = sum((float(c) - float(a)) ** 2 for c, a in zip(answers, alpha, strict=True))
    return (regression + sum(float(one) ** 2 for one in unmixed)) / len(alpha)


# --- (4) and (5) --------------------------------------------------------------------------------


@quick
@given(embeddings())
def test_4_soft_assignment(pair):
    z, mu = pair
    q = student_t(z, mu)
    close(q, exact(equation_4(z, mu)))
    close(q.sum(1), exact([1.0] * len(q)))
    distances = [[distance(z_i, mu_j) for mu_j in mu] for z_i in z]
    assume(all(sorted(row)[1] - sorted(row)[0] > 1e-6 for row in distances))
    assert q.argmax(1).tolist() == [row.index(min(row)) for row in distances]


@quick
@given(assignments())
def test_5_two_largest(q):
    first, second = dynae.two_largest(q)
    assert first.tolist() == [h(row, 1) for row in q.tolist()]
    assert second.tolist() == [h(row, 2) for row in q.tolist()]


@quick
@given(assignments())
def test_5_as_printed_is_the_same_where_nothing_ties(q):
    rows = [row for row in q.tolist() if len(set(row)) == len(row)]
    assume(rows)
    for place in (1, 2):
        expected = [equation_5(row, place) for row in rows]
        assert dynae.two_largest(exact(rows))[place - 1].tolist() == expected


def test_5_a_sample_between_two_centroids_is_in_doubt_though_not_by_the_printed_maximum():
    row = [0.45, 0.45, 0.10]
    beta = exact([0.3, 0.15])
    assert equation_5(row, 1) - equation_5(row, 2) > 0.15
    assert dynae.conflicted(exact([row]), beta).item()
    assert dynae.conflicted(exact([[1 / 3] * 3]), beta).item()
    assert equation_5([1 / 3] * 3, 2) == -inf


# --- (8) and (13) -------------------------------------------------------------------------------


@quick
@given(assignments(), betas, betas)
def test_8_conflicted_and_13_the_others(q, beta_1, beta_2):
    doubtful = dynae.conflicted(q, exact([beta_1, beta_2])).tolist()
    assert doubtful == equation_8(q.tolist(), beta_1, beta_2)
    assert [not one for one in doubtful] == equation_13(q.tolist(), beta_1, beta_2)


@quick
@given(assignments(), st.data())
def test_8_a_sample_on_a_threshold_is_not_conflicted(q, data):
    row = data.draw(st.sampled_from(q.tolist()))
    on_it = exact([h(row, 1), h(row, 1) - h(row, 2)])
    assert not dynae.conflicted(exact([row]), on_it).item()
    for place in (0, 1):
        above = on_it.clone()
        above[place] += 1e-9
        assert dynae.conflicted(exact([row]), above).item()


@quick
@given(assignments(), betas, betas, drops, drops)
def test_8_the_conflicted_set_shrinks_when_a_threshold_drops(q, beta_1, beta_2, one, other):
    before = dynae.conflicted(q, exact([beta_1, beta_2]))
    for lower in ([beta_1 - one, beta_2], [beta_1, beta_2 - other], [beta_1 - one, beta_2 - other]):
        after = dynae.conflicted(q, exact(lower))
        assert not (after & ~before).any()
    nabla_kappa, k = one * q.shape[1], q.shape[1]
    after = dynae.conflicted(q, dynae.dropped(exact([beta_1, beta_2]), nabla_kappa, k))
    assert not (after & ~before).any()


@quick
@given(assignments(), betas)
def test_8_a_threshold_above_one_takes_all_and_low_ones_take_none(q, beta_2):
    assert dynae.conflicted(q, exact([1 + 1e-9, beta_2])).all()
    assert not dynae.conflicted(q, exact([1 / q.shape[1] - 1e-9, -1e-9])).any()


# --- (10) and the drops -------------------------------------------------------------------------


@quick
@given(st.integers(2, 100), st.floats(0, 1))
def test_10_thresholds(k, share):
    kappa = share * k
    expected = [kappa / k, (kappa / k) / 2]
    torch.testing.assert_close(dynae.initial_thresholds(kappa, k), torch.tensor(expected))


@pytest.mark.parametrize("k", [2, 3, 10, 47])
def test_10_drops_from_the_printed_kappa(k):
    """0.3, 0.15; then both less 0.09 each time."""
    kappa = 0.3 * k
    beta = dynae.initial_thresholds(kappa, k)
    for expected in ([0.30, 0.15], [0.21, 0.06], [0.12, -0.03], [0.03, -0.12]):
        torch.testing.assert_close(beta, torch.tensor(expected), rtol=1e-5, atol=1e-6)
        beta = dynae.dropped(beta, 0.3 * kappa, k)


@quick
@given(seeds, st.sampled_from([0.05, 1, 50]))
def test_after_three_drops_nothing_of_ten_clusters_is_conflicted(seed, concentration):
    q = exact(np.random.default_rng(seed).dirichlet([concentration] * 10, size=50))
    beta = dynae.initial_thresholds(3.0, 10)
    for _ in range(3):
        beta = dynae.dropped(beta, 0.9, 10)
    assert not dynae.conflicted(q, beta).any()
    assert not dynae.conflicted(exact([[0.1] * 10]), beta).any()


# --- (9), (12), (14) ----------------------------------------------------------------------------


@quick
@given(batches())
def test_9_construction(batch):
    got = dynae.construction_loss(*batch)
    x = batch[0]
    assert got.item() == pytest.approx(equation_9(*batch) / x.numel(), rel=1e-9)


@quick
@given(batches())
def test_9_all_in_doubt_is_reconstruction_and_nobody_in_doubt_forgets_the_sample(batch):
    x, outputs, images, doubtful = batch
    everyone = torch.ones_like(doubtful)
    plain = dynae.construction_loss(x, outputs, images, everyone).item()
    assert plain == pytest.approx(sum(map(distance, x, outputs)) / x.numel())
    nobody = ~everyone
    one = dynae.construction_loss(x, outputs, images, nobody)
    assert torch.equal(one, dynae.construction_loss(x + 7, outputs, images, nobody))


@quick
@given(embeddings(), seeds)
def test_12_clustering(pair, seed):
    z, mu = pair
    nearest = mu[sigma(z, mu)]
    doubtful = torch.tensor(np.random.default_rng(seed).random(len(z)) < 0.5)
    got = dynae.clustering_loss(z, nearest, doubtful).item()
    assert got == pytest.approx(equation_12(z, nearest, doubtful) / z.numel(), rel=1e-9)
    assert dynae.clustering_loss(z, nearest, torch.ones_like(doubtful)).item() == 0


@quick
@given(embeddings(), seeds)
def test_12_pulls_the_sure_to_their_centroid_and_leaves_the_doubtful(pair, seed):
    z, mu = pair
    leaf = z.clone().requires_grad_()
    nearest = mu[sigma(z, mu)]
    doubtful = torch.tensor(np.random.default_rng(seed).random(len(z)) < 0.5)
    dynae.clustering_loss(leaf, nearest, doubtful).backward()
    expected = [
        [0.0] * z.shape[1] if doubtful[i] else (2 * (z[i] - nearest[i]) / z.numel()).tolist()
        for i in range(len(z))
    ]
    close(leaf.grad, exact(expected))


@quick
@given(batches(), st.sampled_from([0.001, 0.01, 1, 100]), seeds)
def test_14_means_are_the_printed_sums_with_other_weights(batch, gamma, seed):
    x, *_, doubtful = batch
    z, nearest = exact(np.random.default_rng(seed).normal(size=(2, len(x), 10)))
    means = dynae.construction_loss(*batch) + gamma * dynae.clustering_loss(z, nearest, doubtful)
    sums = equation_9(*batch) / x[0].numel() + gamma / 10 * equation_12(z, nearest, doubtful)
    assert len(x) * means.item() == pytest.approx(sums, rel=1e-9)


# --- the pretraining: mixtures, (6), (7) --------------------------------------------------------


@quick
@given(batches(), seeds)
def test_mixtures_are_alpha_of_one_and_the_rest_of_the_other(batch, seed):
    one, other, *_ = batch
    alpha = exact(np.random.default_rng(seed).random(len(one)))
    expected = [float(a) * p + (1 - float(a)) * q for a, p, q in zip(alpha, one, other, strict=True)]
    close(acai.mixed(one, other, alpha), torch.stack(expected))
    close(acai.mixed(one, other, torch.ones(len(one))), one)
    close(acai.mixed(one, other, 1 - alpha), acai.mixed(other, one, alpha))


answers = st.integers(1, 6).flatmap(
    lambda b: st.lists(st.tuples(*[st.floats(-2, 2)] * 3), min_size=b, max_size=b)
)


@quick
@given(batches(), st.floats(0, 2), seeds)
def test_6_reconstruction_and_deception(batch, weight, seed):
    x, outputs, *_ = batch
    believed = exact(np.random.default_rng(seed).normal(size=len(x)))
    got = acai.summed_error(x, outputs) + weight * acai.deception(believed)
    assert got.item() == pytest.approx(equation_6(x, outputs, believed, weight), rel=1e-9)


@quick
@given(answers)
def test_7_the_critic(rows):
    believed, alpha, unmixed = exact(rows).unbind(1)
    got = acai.critic_error(believed, alpha, unmixed).item()
    assert got == pytest.approx(equation_7(believed, alpha, unmixed), rel=1e-9, abs=1e-12)
    perfect = acai.critic_error(alpha, alpha, torch.zeros_like(alpha))
    assert perfect.item() == 0
    assert acai.deception(torch.zeros_like(alpha)).item() == 0


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_7_the_critic_answers_with_one_number_a_sample(network):
    critic = Critic(autoencoder(network, (1, 8, 8), 3).encoder).eval()
    x = torch.rand(5, 1, 8, 8)
    believed = critic(x)
    assert believed.shape == (5,)
    expected = [sum(critic.encoder(one[None])[0].tolist()) / 3 for one in x]
    torch.testing.assert_close(believed, torch.tensor(expected))


# --- the networks and optimisers, by hand -------------------------------------------------------


class Adam:
    """Kingma and Ba (2015), Algorithm 1, with its defaults."""

    def __init__(self, parameters, rate):
        self.parameters, self.rate, self.t = list(parameters), rate, 0
        self.m = [torch.zeros_like(one) for one in self.parameters]
        self.v = [torch.zeros_like(one) for one in self.parameters]

    def step(self, loss):
        self.t += 1
        gradients = torch.autograd.grad(loss, self.parameters)
        for i, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            self.m[i] = 0.9 * self.m[i] + 0.1 * gradient
            self.v[i] = 0.999 * self.v[i] + 0.001 * gradient**2
            mean, square = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.999**self.t)
            parameter.data -= self.rate * mean / (square.sqrt() + 1e-8)


class Descent:
    """Gradient descent with (heavy-ball) momentum, along gradients no longer than told."""

    def __init__(self, parameters, rate, momentum, longest):
        self.parameters, self.rate, self.momentum = list(parameters), rate, momentum
        self.longest, self.cut = longest, 0
        self.moves = [torch.zeros_like(one) for one in self.parameters]

    def step(self, loss):
        gradients = torch.autograd.grad(loss, self.parameters)
        length = sum(one.square().sum().item() for one in gradients) ** 0.5
        if length > self.longest:
            gradients = [one * self.longest / (length + 1e-6) for one in gradients]  # torch's guard
            self.cut += 1
        for i, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            self.moves[i] = self.momentum * self.moves[i] - self.rate * gradient
            parameter.data += self.moves[i]


def copied(module):
    """Its weights by name, to be trained apart."""
    weights = {name: value.detach().clone() for name, value in module.named_parameters()}
    return {name: value.requires_grad_() for name, value in weights.items()}


def layers(weights, prefix, vector):
    """Linear, ReLU, linear: what a network of one hidden layer does to a sample."""
    names = sorted(name for name in weights if name.startswith(prefix))
    first_bias, first, second_bias, second = (weights[name] for name in names)
    hidden = (first @ vector.flatten() + first_bias).relu()
    return second @ hidden + second_bias


def encode(weights, x):
    return layers(weights, "encoder", x)


def decode(weights, z, shape):
    return layers(weights, "decoder", z).reshape(shape)


def data(shape, n=7):
    generator = torch.Generator().manual_seed(4)
    patterns = torch.rand(2, *shape, generator=generator)[torch.arange(n) % 2]
    return 0.6 * patterns + 0.4 * torch.rand(n, *shape, generator=generator)


shapes = pytest.mark.parametrize("shape", [(5,), (1, 3, 4)], ids=["rows", "images"])


# --- the pretraining, replayed ------------------------------------------------------------------


@shapes
def test_the_pretraining_follows_6_and_7_step_by_step(double, tiny, shape):
    config = acai.Config(
        steps=5, batch_size=3, embedding_size=2, learning_rate=1e-2, deception_weight=0.7
    )
    x = data(shape)
    torch.manual_seed(1)
    model = autoencoder("mlp", shape, 2)
    weights, critic = copied(model), copied(Critic(autoencoder("mlp", shape, 2).encoder))
    players = Adam(weights.values(), 1e-2), Adam(critic.values(), 1e-2)
    expected, done = [], 0
    while done < 5:
        epoch = []
        for rows in torch.randperm(7).split(3):
            if done == 5:
                break
            epoch.append((replayed(x[rows], weights, critic, players, config), len(rows)))
            done += 1
        expected.append(epoch)
    torch.manual_seed(1)
    got = list(acai.fit(x, 2, config))
    assert [step.epoch for step in got] == [1, 2] == [*range(1, len(expected) + 1)]
    for step, epoch in zip(got, expected, strict=True):
        size = sum(count for _, count in epoch)
        for name in ("reconstruction", "deception", "critic"):
            mean = sum(values[name] * count for values, count in epoch) / size
            assert step.curves[name].item() == pytest.approx(mean, rel=1e-9)
    for name, value in got[-1].modules["autoencoder"].named_parameters():
        close(value, weights[name])
    for name, value in got[-1].modules["critic"].named_parameters():
        close(value, critic[name])


def replayed(batch, weights, critic, players, config):
    """One iteration of Section 4.1, sample by sample: its losses."""
    b = len(batch)
    batch = augmented(batch, config.rotation, config.shift)
    alpha, gamma = torch.rand(2, b)
    alpha = alpha / 2
    shape = batch.shape[1:]
    z = [encode(weights, one) for one in batch]
    outputs = [decode(weights, one, shape) for one in z]
    pairs = [alpha[i] * z[i] + (1 - alpha[i]) * z[i - 1] for i in range(b)]
    mixtures = [decode(weights, one, shape) for one in pairs]

    def answer(one):
        return encode(critic, one).sum() / 2

    reconstruction = sum((batch[i] - outputs[i]).square().sum() for i in range(b)) / b
    deception = sum(answer(one) ** 2 for one in mixtures) / b
    blends = [gamma[i] * batch[i] + (1 - gamma[i]) * outputs[i].detach() for i in range(b)]
    critic_loss = sum((answer(mixtures[i].detach()) - alpha[i]) ** 2 for i in range(b)) / b
    critic_loss = critic_loss + sum(answer(one) ** 2 for one in blends) / b
    players[0].step(reconstruction + config.deception_weight * deception)
    players[1].step(critic_loss)
    losses = {"reconstruction": reconstruction, "deception": deception, "critic": critic_loss}
    return {name: loss.item() for name, loss in losses.items()}


@pytest.mark.parametrize("initialisation", ["glorot", "fan-in"])
@shapes
def test_without_deception_it_is_a_plain_autoencoder_of_augmented_samples(tiny, shape, initialisation):
    config = acai.Config(
        steps=4,
        batch_size=4,
        embedding_size=2,
        deception_weight=0.0,
        rotation=7.0,
        shift=0.2,
        initialisation=initialisation,
    )
    x = data(shape)
    torch.manual_seed(0)
    *_, step = acai.fit(x, 2, config)
    torch.manual_seed(0)
    network = autoencoder("mlp", shape, 2)
    if initialisation == "fan-in":
        network.apply(fan_in)
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    for _ in range(2):
        for rows in torch.randperm(7).split(4):
            batch = augmented(x[rows], 7.0, 0.2)
            adam.zero_grad()
            ((batch - network(batch)).square().sum() / len(rows)).backward()
            adam.step()
    assert step.modules.keys() == {"autoencoder"}
    assert step.curves.keys() == {"reconstruction"}
    for name, value in network.state_dict().items():
        assert torch.equal(step.modules["autoencoder"].state_dict()[name], value), name


@shapes
def test_slopes_are_those_of_two_passes_one_for_each_player(double, tiny, shape):
    torch.manual_seed(0)
    model, x = autoencoder("mlp", shape, 2), data(shape)
    critic = Critic(autoencoder("mlp", shape, 2).encoder)
    torch.manual_seed(1)
    losses = acai.adversarial(model, critic, x, 0.7)
    torch.manual_seed(1)
    alpha, gamma = torch.rand(2, len(x))
    alpha = alpha / 2

    def passed():
        z = model.encoder(x)
        return model.decoder(z), model.decoder(acai.mixed(z, z.roll(1, 0), alpha))

    outputs, mixtures = passed()
    first = equation_6_of(x, outputs, critic(mixtures), 0.7)
    expected = torch.autograd.grad(first, list(model.parameters()))
    for weight, slope in zip(model.parameters(), expected, strict=True):
        close(weight.grad, slope)
    outputs, mixtures = (one.detach() for one in passed())
    blends = acai.mixed(x, outputs, gamma)
    second = (critic(mixtures) - alpha).square().mean() + critic(blends).square().mean()
    expected = torch.autograd.grad(second, list(critic.parameters()))
    for weight, slope in zip(critic.parameters(), expected, strict=True):
        close(weight.grad, slope)
    close(losses["critic"], second)


def equation_6_of(x, outputs, answers, weight):
    """Eq. (6) per sample, of tensors."""
    reconstruction = (x - outputs).square().sum() / len(x)
    return reconstruction + weight * answers.square().sum() / len(x)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (nn.Linear(50, 400), 50),
        (nn.Conv2d(4, 60, 3), 4 * 9),
        (nn.ConvTranspose2d(60, 4, 3, stride=2), 60 * 9),
    ],
    ids=["linear", "convolution", "transposed"],
)
def test_fan_in_is_uniform_within_one_over_the_root_of_the_inputs(layer, inputs):
    nn.init.constant_(layer.bias, 9.0)
    torch.manual_seed(0)
    fan_in(layer)
    limit = inputs**-0.5
    assert 0.99 * limit < layer.weight.abs().max().item() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)
    assert not layer.bias.any()


def test_weights_start_as_they_are_told():
    ends = []
    for initialisation in ("glorot", "fan-in"):
        config = acai.Config(initialisation=initialisation)
        torch.manual_seed(0)
        network = config.autoencoder((1, 8, 8))
        ends.append([layer for layer in network.modules() if isinstance(layer, nn.Linear)])
    for glorot, fanned in zip(*ends, strict=True):
        outputs, inputs = glorot.weight.shape
        assert 0.9 < glorot.weight.abs().max().item() / (6 / (inputs + outputs)) ** 0.5 <= 1
        assert 0.9 < fanned.weight.abs().max().item() / inputs**-0.5 <= 1


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_the_pretraining_takes_the_steps_that_it_is_told(tiny, optimiser_steps, steps, epochs):
    config = acai.Config(steps=steps, batch_size=3, embedding_size=2)
    got = list(acai.fit(data((5,)), 2, config))
    assert len(optimiser_steps) == 2 * steps  # autoencoder and critic
    assert [step.epoch for step in got] == [*range(1, epochs + 1)]
    assert all(step.epochs == epochs for step in got)
    assert all(step.phase == "pretraining" and step.assign is None for step in got)


# --- centroids and their images -----------------------------------------------------------------


@pytest.mark.parametrize("target", dynae.TARGETS)
@shapes
def test_centres_are_one_of_three_readings(double, tiny, target, shape):
    x = data(shape, n=11)
    torch.manual_seed(2)
    network = autoencoder("mlp", shape, 2)
    weights = copied(network)
    z = torch.stack([encode(weights, one) for one in x]).detach()
    torch.manual_seed(3)
    means = lloyd(z, 2)[1]
    torch.manual_seed(3)
    centroids, images = dynae.centres(network, x, 2, target)
    neighbours = []
    for mean in means:
        distances = [distance(one, mean) for one in z]
        neighbours.append(distances.index(min(distances)))
    close(centroids, z[neighbours] if target == "decoded neighbour" else means)
    if target == "neighbour":
        assert torch.equal(images, x[neighbours])
    else:
        expected = [decode(weights, one, shape) for one in centroids]
        close(images, torch.stack(expected).detach())
    assert not images.requires_grad
    assert not centroids.requires_grad


# --- the clustering, replayed -------------------------------------------------------------------

PLAIN = dynae.Config(
    start=acai.Config(embedding_size=2),
    steps=11,
    refresh=2,
    batch_size=3,
    learning_rate=0.02,
    tolerance=0.0,
    clustering_weight=0.8,
)
OTHERS = {
    "default": {},
    "decoded centroid": {"target": "decoded centroid"},
    "neighbour": {"target": "neighbour"},
    "consistency": {"consistency": True},
    "confident": {"confidence": 0.9, "drop": 0.1, "steps": 20},
    "stopping": {"tolerance": 0.2, "confidence": 0.6, "steps": 40},
    "heavy": {"clustering_weight": 6.0},
    "short gradients": {"longest_gradient": 0.2},
    "DC*": {"dynamic": False},
}


class Replay:
    """Section 4.2 sample by sample, from an autoencoder's weights."""

    def __init__(self, network, x, k, config):
        self.config, self.x, self.k = config, x, k
        self.weights = copied(network)
        self.descent = Descent(
            self.weights.values(), config.learning_rate, config.momentum, config.longest_gradient
        )
        kappa = config.confidence if config.dynamic else 0.0  # over K; without dynamics nobody doubts
        self.beta = [kappa, kappa / 2]
        self.drops = self.rests = 0
        self.centre()

    def centre(self):
        z = torch.stack([encode(self.weights, one) for one in self.x]).detach()
        means = lloyd(z, self.k)[1]
        nearest = [min(range(len(z)), key=lambda i: distance(z[i], mean)) for mean in means]
        decoded_neighbour = self.config.target == "decoded neighbour"
        self.mu = z[nearest] if decoded_neighbour else means
        shape = self.x.shape[1:]
        self.images = [decode(self.weights, one, shape).detach() for one in self.mu]
        if self.config.target == "neighbour":
            self.images = [self.x[i] for i in nearest]

    def counted(self):
        z = [encode(self.weights, one).detach() for one in self.x]
        return sum(equation_8(equation_4(z, self.mu), *self.beta))

    def drop(self):
        """K-means anew; both thresholds less nabla kappa / K, nabla kappa = drop kappa."""
        self.centre()
        nabla = self.config.drop * self.config.confidence
        self.beta = [one - nabla for one in self.beta]
        self.drops += 1

    def batch(self, rows):
        """One step; the means over elements of its losses, and tau."""
        x, shape = self.x[rows], self.x.shape[1:]
        clean = torch.stack([encode(self.weights, one) for one in x]).detach()
        doubtful = equation_8(equation_4(clean, self.mu), *self.beta)
        cluster = sigma(clean, self.mu)
        seen = augmented(x, self.config.rotation, self.config.shift)
        construction = clustering = 0.0
        for i in range(len(x)):
            z = encode(self.weights, seen[i])
            rebuilt = doubtful[i] or not self.config.dynamic
            aim = x[i] if rebuilt else self.images[cluster[i]]
            construction = construction + (aim - decode(self.weights, z, shape)).square().sum()
            if not doubtful[i]:
                clustering = clustering + (z - self.mu[cluster[i]]).square().sum()
            elif self.config.consistency:
                clustering = clustering + (z - clean[i]).square().sum()
        construction, clustering = construction / x.numel(), clustering / clean.numel()
        gamma = self.config.clustering_weight
        share = (1, gamma) if gamma <= 1 else (1 / gamma, 1)  # the larger of both weights is one
        self.descent.step(share[0] * construction + share[1] * clustering)
        return {
            "construction": construction.item(),
            "clustering": torch.as_tensor(clustering).item(),
            "conflicted": sum(doubtful) / len(x),
            "threshold": self.beta[0],
        }

    def run(self):
        """Means, weights, centroids and thresholds after every epoch."""
        n, left, done, before = len(self.x), [], 0, len(self.x)
        while True:
            epoch, over = [], False
            for rows in torch.randperm(n).split(self.config.batch_size):
                if self.config.dynamic and done and done % self.config.refresh == 0:
                    now = self.counted()
                    over = now / n < self.config.tolerance
                    if not over and now >= before:
                        self.drop()
                    elif not over:
                        self.rests += 1
                    before = now
                over = over or done == self.config.steps
                if over:
                    break
                epoch.append((self.batch(rows), len(rows)))
                done += 1
            if epoch:
                left.append((self.means(epoch), dict(self.frozen()), self.mu.clone(), list(self.beta)))
            if over or done == self.config.steps:
                return left, done

    def frozen(self):
        return ((name, value.detach().clone()) for name, value in self.weights.items())

    @staticmethod
    def means(epoch):
        size = sum(count for _, count in epoch)
        return {
            name: sum(values[name] * count for values, count in epoch) / size for name in epoch[0][0]
        }


def started(shape):
    """An autoencoder whose embedding is wide enough for some samples to be sure of their cluster."""
    torch.manual_seed(5)
    network = autoencoder("mlp", shape, 2)
    nn.init.normal_(network.encoder[-1].weight, std=1.2)
    return network


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS.keys())
@shapes
def test_training_follows_the_paper_step_by_step(double, tiny, optimiser_steps, shape, changes):
    config, x, network = replace(PLAIN, **changes), data(shape, n=10), started(shape)
    torch.manual_seed(6)
    autoencoder("mlp", shape, 2)  # `fit` draws weights before it takes those of the start
    replay = Replay(network, x, 2, config)
    expected, done = replay.run()
    torch.manual_seed(6)
    begin, *steps = list_of_copies(dynae.fit(x, 2, config, network.state_dict()))
    assert begin[0] == {}
    for name, value in network.state_dict().items():
        assert torch.equal(begin[1][f"autoencoder.{name}"], value)
    for (means, weights, mu, beta), (curves, state) in zip(expected, steps, strict=True):
        assert curves == pytest.approx(means)
        for name, value in weights.items():
            close(state[f"autoencoder.{name}"], value)
        close(state["centroids"], mu)
        close(state["thresholds"], torch.tensor(beta))
    assert len(optimiser_steps) == done
    assert (replay.drops > 0) == (replay.rests > 0) == config.dynamic
    assert bool(replay.descent.cut) == (config.longest_gradient < 100)


def list_of_copies(steps):
    """Curves and weights of every step, as they are when it is left."""
    copies = []
    for step in steps:
        curves = {name: value.item() for name, value in step.curves.items()}
        state = step.modules["model"].state_dict()
        copies.append((curves, {name: value.clone() for name, value in state.items()}))
    return copies


@shapes
def test_nothing_but_the_network_moves_between_updates(tiny, shape):
    config = replace(PLAIN, refresh=100)
    copies = list_of_copies(dynae.fit(data(shape), 3, config, started(shape).state_dict()))
    (_, first), *rest = copies
    assert len(rest) == 4
    for _, state in rest:
        for name in ("centroids", "images", "thresholds"):
            assert torch.equal(state[name], first[name])
        assert not torch.equal(
            state["autoencoder.encoder.1.weight"], first["autoencoder.encoder.1.weight"]
        )


# --- stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "taken", "updates"),
    [
        ({"tolerance": 1.0, "confidence": 0.0}, 2, 0),  # nobody is in doubt at the first count
        ({"tolerance": 0.01, "confidence": 0.0}, 2, 0),
        ({"tolerance": 0.0, "confidence": 0.0}, 11, 4),  # all at the four counts after the first
        ({"tolerance": 0.5, "confidence": 1.0, "drop": 0.0}, 11, 5),  # everybody is, to the end
        ({"tolerance": 0.5, "confidence": 1.0, "drop": 1.0}, 4, 1),  # everybody, until the one drop
    ],
)
def test_training_stops_when_few_are_in_doubt_or_the_steps_are_taken(
    tiny, optimiser_steps, monkeypatch, changes, taken, updates
):
    config, update, done = replace(PLAIN, **changes), dynae.update, []
    monkeypatch.setattr(dynae, "update", lambda *given: done.append(1) or update(*given))
    steps = list(dynae.fit(data((5,)), 3, config, started((5,)).state_dict()))
    assert (len(optimiser_steps), len(done)) == (taken, updates)
    assert [step.epoch for step in steps] == [*range(len(steps))]
    assert all(step.phase == "clustering" and step.epochs == 4 for step in steps)


@pytest.mark.parametrize(
    ("counts", "drops"),
    [
        ([5, 4, 3, 2, 1], []),
        ([6, 5, 5, 4, 3], [2]),  # more than the 4 at the start, and no drop
        ([6, 6, 5, 6, 6], [1, 3, 4]),
        ([7, 6, 5, 4, 3], [0]),  # all seven
    ],
)
def test_thresholds_drop_where_as_many_are_in_doubt_as_before_and_before_the_first_count_were_all(
    tiny, monkeypatch, counts, drops
):
    left, dropped = list(counts), []
    update = dynae.update
    monkeypatch.setattr(dynae.Model, "unsure", lambda self, x: left.pop(0))

    def noted(*given):
        dropped.append(len(counts) - len(left) - 1)
        update(*given)

    monkeypatch.setattr(dynae, "update", noted)
    list(dynae.fit(data((5,)), 3, PLAIN, started((5,)).state_dict()))
    assert left == []
    assert dropped == drops


@pytest.mark.parametrize("gamma", [0.01, 1.0, 7.0, 1000.0])
def test_a_weight_above_one_divides_and_below_one_multiplies(double, tiny, gamma):
    """One step without momentum: the weights' move is the slope, of which the larger weight is one."""
    config = replace(PLAIN, steps=1, batch_size=7, clustering_weight=gamma, confidence=0.1)
    x, network = data((5,)), started((5,))
    moves = {}
    for weight in (gamma, 0.0, 1.0):
        torch.manual_seed(0)
        own = replace(config, clustering_weight=weight)
        _, step = dynae.fit(x, 3, own, network.state_dict())
        trained = step.modules["autoencoder"].state_dict()
        moves[weight] = torch.cat(
            [(trained[name] - value).flatten() for name, value in network.state_dict().items()]
        )
    construction, clustering = moves[0.0], moves[1.0] - moves[0.0]
    assert clustering.abs().max() > 1e-6
    first, second = (1, gamma) if gamma <= 1 else (1 / gamma, 1)
    close(moves[gamma], first * construction + second * clustering)


def test_without_dynamics_all_are_rebuilt_and_drawn_and_nothing_is_updated(
    tiny, optimiser_steps, monkeypatch
):
    config = replace(PLAIN, dynamic=False, tolerance=1.0, clustering_weight=0.5)
    monkeypatch.setattr(dynae, "update", lambda *given: pytest.fail("there is nothing to update"))
    x, network = data((5,)), started((5,))
    copies = list_of_copies(dynae.fit(x, 3, config, network.state_dict()))
    assert len(optimiser_steps) == config.steps  # though fewer than the tolerance are in doubt
    for curves, state in copies[1:]:
        assert curves["conflicted"] == curves["threshold"] == 0
        assert torch.equal(state["centroids"], copies[0][1]["centroids"])
        assert not state["thresholds"].any()
    torch.manual_seed(0)
    _, step = dynae.fit(x, 3, replace(config, steps=1, batch_size=7), network.state_dict())
    z, mu = network.encoder(x), copies[0][1]["centroids"]
    drawn = torch.stack([min(distance(one, centre) for centre in mu) * torch.ones(()) for one in z])
    assert step.curves["clustering"].item() == pytest.approx(drawn.sum().item() / z.numel(), rel=1e-4)
    rebuilt = sum(map(distance, x, network(x))) / x.numel()
    assert step.curves["construction"].item() == pytest.approx(rebuilt, rel=1e-5)


# --- steps, configs, awkward data ---------------------------------------------------------------


def test_the_shortened_config_meets_every_phase(named, optimiser_steps):
    config = dynae.Config().shortened()
    steps = list(train(data((1, 8, 8), n=96), 4, config, seed=0))
    assert [step.phase for step in steps] == ["pretraining"] * 2 + ["clustering"] * 4
    assert len(optimiser_steps) == 5 + 9
    beta = steps[-1].modules["model"].thresholds
    assert beta[1] < 0.15
    assert steps[3].curves["conflicted"] > 0
    assert steps[-1].curves["conflicted"] < 1


@shapes
def test_a_step_answers_what_is_asked(double, tiny, shape):
    x, network = data(shape), started(shape)
    *_, step = dynae.fit(x, 3, replace(PLAIN, confidence=0.6), network.state_dict())
    model = step.modules["model"]
    weights = copied(model.autoencoder)
    z = torch.stack([encode(weights, one) for one in x]).detach()
    q = equation_4(z, model.centroids)
    close(step.embed(x), z)
    close(step.assign(x), torch.tensor(q))
    expected = [decode(weights, mu, shape) for mu in model.centroids]
    close(step.exemplars(), torch.stack(expected).detach())
    assert model.conflicted(x).tolist() == equation_8(q, *model.thresholds.tolist())


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("start", [acai.Config, pretraining.Config])
def test_training_starts_from_either_pretraining(named, network, start):
    config = dynae.Config(start=start(network=network, embedding_size=3)).shortened()
    steps = list(train(data((1, 8, 8), n=33), 3, config, seed=0))  # a remainder of one
    assert {step.phase for step in steps} == {"pretraining", "clustering"}
    assert all(torch.isfinite(value) for step in steps for value in step.curves.values())


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize(
    "kind", ["constant", "duplicated", "k = 2", "n = k + 1", "rows", "large", "flat"]
)
@pytest.mark.parametrize("target", dynae.TARGETS)
def test_awkward_data_are_survived(named, tiny, kind, target):
    x, k = data((1, 8, 8), n=17), 3
    x, k = {
        "constant": (torch.full_like(x, 0.5), k),
        "duplicated": (x[:1].repeat(17, 1, 1, 1), k),
        "k = 2": (x, 2),
        "n = k + 1": (x[:4], 3),
        "rows": (x.flatten(1), k),
        "large": (1000 * x, k),
        "flat": (torch.cat([x[:, :, :4], torch.zeros_like(x[:, :, 4:])], dim=2), k),
    }[kind]
    start = acai.Config(embedding_size=2, steps=4, batch_size=8)
    config = replace(PLAIN, start=start, batch_size=8, steps=30, learning_rate=1e-3, target=target)
    *_, step = train(x, k, config, seed=0)
    q = step.assign(x)
    torch.testing.assert_close(q.sum(1), torch.ones(len(x)))
    assert torch.isfinite(step.embed(x)).all()
    assert step.exemplars().shape == (k, *x.shape[1:])


def test_a_collapsed_embedding_is_wholly_in_doubt_and_then_wholly_sure(double, tiny):
    network = started((5,))
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with pytest.warns(match="Number of distinct clusters"):
        steps = list_of_copies(dynae.fit(data((5,)), 3, PLAIN, network.state_dict()))
    shares = [curves["conflicted"] for curves, _ in steps[1:]]
    assert shares[0] == 1  # 0.333 each: above beta_1, but with no margin
    assert shares[-1] == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dynae.Config(start=None), "dynae starts from an autoencoder"),
        (lambda: dynae.Config(start=PLAIN), "dynae starts from an autoencoder"),
        (lambda: dynae.Config(target="image"), "unknown target 'image'; choose one of: decoded n"),
        (lambda: dynae.Config(steps=0), "dynae: steps .* positive"),
        (lambda: dynae.Config(clustering_weight=-1.0), "dynae: clustering_weight .* zero or more"),
        (lambda: dynae.Config(rotation=float("nan")), "rotation .* zero or more"),
        (lambda: dynae.Config(confidence=1.1), r"dynae: confidence .* in \[0, 1\]"),
        (lambda: dynae.Config(longest_gradient=0.0), "dynae: longest_gradient .* positive"),
        (lambda: acai.Config(deception_weight=-0.5), "acai: deception_weight .* zero or more"),
        (lambda: acai.Config(rotation=inf), "rotation .* zero or more"),
        (lambda: acai.Config(shift=2.0), "acai: shift"),
        (lambda: acai.Config(network="resnet"), "unknown network 'resnet'"),
        (lambda: acai.Config(initialisation="he"), "unknown initialisation 'he'"),
        (lambda: acai.Config(start=acai.Config()), "acai starts from random weights"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_missing_start_is_refused(tiny):
    with pytest.raises(InputError, match="none were given"):
        next(dynae.fit(data((5,)), 3, PLAIN))

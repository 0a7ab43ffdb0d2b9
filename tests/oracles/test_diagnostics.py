"""The papers' further measures, against slow loops from their texts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations
from math import isnan, nan, sqrt

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from recluster import diagnostics
from recluster.diagnostics import Learner, Pairs
from recluster.methods import dcn, dcss, dec, dynae, idec, ulhe
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.parts import batches, pretraining
from recluster.parts.hypersphere import unit
from recluster.run import train
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=40)
close = partial(torch.testing.assert_close, rtol=1e-8, atol=1e-8)
exact = partial(torch.tensor, dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)
LATENT = ("distance", "divergence")


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0]).double()
    layer.load_state_dict({"weight": exact(weight), "bias": exact(bias)})
    return layer


@st.composite
def learners(draw: st.DrawFn, n: int = 7):
    """A linear autoencoder with centroids and images, x (n, 4), y (n,) and who is in doubt (n,)."""
    random = np.random.default_rng(draw(seeds))
    d, k = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    learner = Learner(
        encoder=linear(random.normal(size=(d, 4)), random.normal(size=d)),
        decoder=linear(random.normal(size=(4, d)), random.normal(size=4)),
        centroids=exact(random.normal(size=(k, d))),
        latent=draw(st.sampled_from(LATENT)),
        images=draw(st.sampled_from([None, exact(random.normal(size=(k, 4)))])),
    )
    x, doubtful = exact(random.normal(size=(n, 4))), torch.tensor(random.random(n) < 0.3)
    return learner, x, random.integers(draw(st.integers(1, 5)), size=n), doubtful


# --- DynAE: the two angles ----------------------------------------------------------------------


def soft(z, mu):
    """DEC, eq. (1)."""
    powers = [1 / (1 + float((z - one) @ (z - one))) for one in mu]
    return [one / sum(powers) for one in powers]


def pull(z, mu, p, latent):
    """The latent loss' slope by z (d,): of eq. (12), or of DEC's divergence, its eq. (4)."""
    if latent == "distance":
        return 2 * (z - mu[p.index(1)])
    q = soft(z, mu)
    terms = [
        (a - b) * (z - m) / (1 + float((z - m) @ (z - m))) for a, b, m in zip(p, q, mu, strict=True)
    ]
    return 2 * sum(terms)


def slope(by_z, x):
    """By the weights and biases of a linear encoder, sample after sample."""
    total = [np.outer(one, x_i) for one, x_i in zip(by_z, x, strict=True)]
    return np.concatenate([sum(total).ravel(), sum(by_z)])


def cosine(a, b):
    return float(a @ b) / sqrt(float(a @ a)) / sqrt(float(b @ b))


def taken_apart(learner, x):
    """z, mu and the nearest centroids, as numpy has them."""
    z, mu = learner.encoder(x).detach().numpy(), learner.centroids.numpy()
    nearest = [min(range(len(mu)), key=lambda j: (z_i - mu[j]) @ (z_i - mu[j])) for z_i in z]
    return z, mu, nearest


def one_hot(j, k):
    return [int(i == j) for i in range(k)]


def matchings(y, labels, k):
    """Every one-to-one matching, class to cluster or None, with which most samples agree."""
    classes = sorted(set(y))
    targets = [*range(k)] + [None] * max(0, len(classes) - k)
    every = [dict(zip(classes, one, strict=False)) for one in permutations(targets, len(classes))]
    agree = [sum(m[a] == b for a, b in zip(y, labels, strict=True)) for m in every]
    return [m for m, count in zip(every, agree, strict=True) if count == max(agree)]


@quick
@given(learners())
def test_dynae_1_feature_randomness(case):
    learner, x, y, doubtful = case
    z, mu, labels = taken_apart(learner, x)
    k, expected = len(mu), []
    for names in matchings(y.tolist(), labels, k):
        kept = [i for i in range(len(x)) if not doubtful[i] and names[y[i]] is not None]
        if kept:
            true = [pull(z[i], mu, one_hot(names[y[i]], k), learner.latent) for i in kept]
            pseudo = [pull(z[i], mu, one_hot(labels[i], k), learner.latent) for i in kept]
            expected.append(cosine(slope(true, x.numpy()[kept]), slope(pseudo, x.numpy()[kept])))
        else:
            expected.append(nan)
    got = diagnostics.feature_randomness(learner, x, y, doubtful)
    assert any(got == pytest.approx(one, abs=1e-7, nan_ok=True) for one in expected)
    assert isnan(got) or -1 <= got <= 1


@quick
@given(learners())
def test_dynae_3_feature_drift(case):
    learner, x, _, doubtful = case
    z, mu, labels = taken_apart(learner, x)
    k, sure = len(mu), [i for i in range(len(x)) if not doubtful[i]]
    target = [one_hot(j, k) for j in labels]
    if learner.latent == "divergence":
        q = [soft(one, mu) for one in z]
        sizes = [sum(row[j] for row in q) for j in range(k)]
        powers = [[a**2 / size for a, size in zip(row, sizes, strict=True)] for row in q]
        target = [[a / sum(row) for a in row] for row in powers]
    latent = [
        pull(z[i], mu, target[i], learner.latent) if i in sure else 0 * z[i] for i in range(len(x))
    ]
    weight, bias = (one.detach().numpy() for one in learner.decoder.parameters())
    image = []
    for i in range(len(x)):
        constructed = learner.images is not None and i in sure
        aim = (learner.images[labels[i]] if constructed else x[i]).numpy()
        image.append(2 * weight.T @ (weight @ z[i] + bias - aim))
    got = diagnostics.feature_drift(learner, x, doubtful)
    if not sure:
        assert isnan(got)
    else:
        expected = cosine(slope(latent, x.numpy()), slope(image, x.numpy()))
        assert got == pytest.approx(expected, abs=1e-7)
        assert -1 <= got <= 1


@quick
@given(learners(), st.permutations(range(4)))
def test_randomness_is_1_for_equal_labels_whatever_they_are_called(case, order):
    learner, x, _, _ = case
    y = [5 - order[j] for j in taken_apart(learner, x)[2]]
    assert diagnostics.feature_randomness(learner, x, y) == pytest.approx(1, abs=1e-12)
    assert diagnostics.feature_randomness(learner, x, torch.tensor(y)) == pytest.approx(1, abs=1e-12)


@quick
@given(learners(), st.randoms())
def test_renaming_clusters_and_classes_changes_nothing(case, random):
    learner, x, y, doubtful = case
    labels, k = taken_apart(learner, x)[2], len(learner.centroids)
    assume(len(matchings(y.tolist(), labels, k)) == 1)
    order = random.sample(range(k), k)
    images = None if learner.images is None else learner.images[order]
    renamed = replace(learner, centroids=learner.centroids[order], images=images)
    before = diagnostics.feature_randomness(learner, x, y, doubtful)
    after = diagnostics.feature_randomness(renamed, x, 40 - 3 * y, doubtful)
    assert after == pytest.approx(before, abs=1e-9, nan_ok=True)
    before, after = (diagnostics.feature_drift(one, x, doubtful) for one in (learner, renamed))
    assert after == pytest.approx(before, abs=1e-9, nan_ok=True)


@quick
@given(learners(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_losses_scales_change_nothing_and_their_signs_do(case, first, second):
    learner, x, _, _ = case

    def losses(a, b):
        return lambda rows, z: (a * (z - 1).square().sum(), b * (z * x[rows][:, :1]).sum())

    plain = diagnostics.cosine_of_slopes(learner, x, losses(1, 1))
    assert diagnostics.cosine_of_slopes(learner, x, losses(first, second)) == pytest.approx(plain)
    assert diagnostics.cosine_of_slopes(learner, x, losses(first, -second)) == pytest.approx(-plain)
    twice = diagnostics.feature_drift(learner, x.repeat(2, 1))
    assert twice == pytest.approx(diagnostics.feature_drift(learner, x), abs=1e-9)


class Counting(nn.Linear):
    """Notes the largest batch that it sees."""

    largest = 0

    def forward(self, x):
        self.largest = max(self.largest, len(x))
        return super().forward(x)


@pytest.fixture
def example():
    torch.manual_seed(0)
    hidden = Counting(4, 6).double()
    encoder = nn.Sequential(hidden, nn.BatchNorm1d(6).double(), nn.ReLU(), nn.Linear(6, 2).double())
    encoder(torch.rand(50, 4).double())  # running statistics that are not the first ones
    hidden.largest = 0
    decoder = nn.Linear(2, 4).double()
    return Learner(encoder=encoder, decoder=decoder, centroids=torch.randn(3, 2).double())


@pytest.mark.parametrize("latent", LATENT)
def test_batches_add_up_and_bound_what_a_network_sees(example, latent, monkeypatch):
    learner = replace(example, latent=latent, images=torch.rand(3, 4).double())
    x, y, doubtful = torch.rand(20, 4).double(), torch.arange(20) % 3, torch.arange(20) < 7
    whole = [
        diagnostics.feature_randomness(learner, x, y, doubtful),
        diagnostics.feature_drift(learner, x, doubtful),
    ]
    learner.encoder[0].largest = 0
    monkeypatch.setattr(diagnostics, "EVALUATION_SIZE", 3)  # the first batches are all in doubt
    monkeypatch.setattr(batches, "EVALUATION_SIZE", 3)
    assert diagnostics.feature_randomness(learner, x, y, doubtful) == pytest.approx(whole[0])
    assert diagnostics.feature_drift(learner, x, doubtful) == pytest.approx(whole[1])
    assert learner.encoder[0].largest == 3


def test_nothing_is_left_behind(example):
    x, y = torch.rand(8, 4).double(), np.arange(8) % 3
    example.encoder.train()
    modules = [example.encoder, example.decoder]
    before = [value.clone() for module in modules for value in module.state_dict().values()]
    random = torch.get_rng_state()
    first = diagnostics.feature_randomness(example, x, y), diagnostics.feature_drift(example, x)
    with torch.no_grad():
        again = diagnostics.feature_randomness(example, x, y), diagnostics.feature_drift(example, x)
    assert first == again
    after = [value for module in modules for value in module.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(weight.grad is None for module in modules for weight in module.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(module.training for module in modules)


def test_a_gradient_of_zero_has_no_direction(example):
    x, y = torch.rand(6, 4).double(), np.zeros(6, int)
    doubtful = torch.ones(6, dtype=torch.bool)
    assert isnan(diagnostics.feature_randomness(example, x, y, doubtful))
    assert isnan(diagnostics.feature_drift(example, x, doubtful))
    for weight in example.encoder.parameters():
        weight.data.zero_()
    there = replace(example, centroids=torch.zeros(3, 2).double())
    assert isnan(diagnostics.feature_randomness(there, x, y))
    assert isnan(diagnostics.feature_drift(there, x))


def test_a_class_beyond_the_clusters_is_left_out(example):
    x = torch.rand(12, 4).double()
    labels = example.embedded(x)[1]
    learner = replace(example, centroids=example.centroids[labels.mode().values][None])
    y = np.array([0] * 9 + [7] * 3)  # one cluster, to which the greater class belongs
    whole = diagnostics.feature_randomness(learner, x, y)
    assert whole == diagnostics.feature_randomness(learner, x[:9], y[:9]) == pytest.approx(1)


AE = pretraining.Config(epochs=1, batch_size=8, embedding_size=3)
METHODS = [
    dynae.Config(start=AE, steps=6, refresh=9, batch_size=8, confidence=0.02),
    dec.Config(start=AE, steps=6, batch_size=8),
    idec.Config(start=AE, steps=6, batch_size=8),
    dcn.Config(start=AE, epochs=1, batch_size=8),
]


@pytest.mark.parametrize("config", METHODS, ids=lambda config: config.method)
def test_they_speak_of_the_methods_that_the_paper_compares(config, monkeypatch):
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(16, 8)))
    x, y = torch.rand(18, 1, 4, 4, generator=torch.Generator().manual_seed(0)), np.arange(18) % 3
    *_, step = train(x, 3, config, seed=0)
    model, network = step.modules["model"], step.modules["autoencoder"]
    learner = Learner(
        encoder=network.encoder,
        decoder=network.decoder,
        centroids=model.centroids,
        latent="divergence" if config.method in ("dec", "idec") else "distance",
        images=getattr(model, "images", None),
    )
    doubtful = model.conflicted(x) if config.method == "dynae" else None
    assert doubtful is None or 0 < doubtful.sum() < len(x)
    assert torch.equal(learner.embedded(x)[1], step.labels(x))
    for value in (
        diagnostics.feature_randomness(learner, x, y, doubtful),
        diagnostics.feature_drift(learner, x, doubtful),
        diagnostics.feature_randomness(learner, x, step.labels(x), doubtful),
    ):
        assert -1 <= value <= 1
    assert value == pytest.approx(1)


# --- PC-X: singular values ----------------------------------------------------------------------


@st.composite
def vectors(draw: st.DrawFn, most: int = 8) -> torch.Tensor:
    n, d = draw(st.integers(1, most)), draw(st.integers(1, 4))
    return exact(np.random.default_rng(draw(seeds)).normal(size=(n, d)))


def rotation(d, seed):
    return exact(np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0])


@quick
@given(vectors(), seeds)
def test_pcx_table_7_shares(z, seed):
    labels = np.random.default_rng(seed).integers(3, size=len(z))
    shares = diagnostics.largest_shares(z, labels, 3)
    turned = diagnostics.largest_shares((3 * z @ rotation(z.shape[1], seed)).numpy(), labels.tolist(), 3)
    np.testing.assert_allclose(shares, turned, rtol=1e-8)
    for group in range(3):
        members = z[labels == group].numpy()
        if not len(members):
            assert isnan(shares[group])
            continue
        r = min(members.shape)
        squares = np.linalg.eigvalsh(members.T @ members)[::-1][:r]  # of z'z: the values, squared
        values = np.sqrt(squares.clip(0))
        assert shares[group] == pytest.approx(values[0] / values.sum(), abs=1e-6)
        assert 1 / r - 1e-12 <= shares[group] <= 1


def test_shares_of_parallel_and_of_orthogonal_rows():
    z = torch.cat(
        [torch.arange(1.0, 4)[:, None] * torch.tensor([1.0, 2, 2]), torch.eye(3), torch.zeros(2, 3)]
    )
    shares = diagnostics.largest_shares(z, [0, 0, 0, 1, 1, 1, 2, 2], 4)
    np.testing.assert_allclose(shares, [1, 1 / 3, nan, nan])


# --- ULHE: directions ---------------------------------------------------------------------------


def apart(a, b):
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))


@quick
@given(vectors(), seeds)
def test_ulhe_10_and_11_energy(vectors, seed):
    m = [(one / one.norm()).tolist() for one in vectors]
    k = len(m)
    assume(all(apart(m[i], m[j]) > 1e-3 for i in range(k) for j in range(i)))
    expected = sum(1 / apart(m[i], m[j]) for i in range(k) for j in range(i))
    got = diagnostics.hyperspherical_energy(vectors)
    assert got == pytest.approx(expected, rel=1e-6)
    printed = sum(
        1 / (1 - sum(a * b for a, b in zip(m[i], m[j], strict=True)))
        for i in range(k)
        for j in range(k)
        if i != j
    )
    assert diagnostics.uniformity(vectors) == pytest.approx(printed, rel=1e-6)
    loss = ulhe.uniformity_loss(unit(vectors), torch.arange(k), k)
    assert diagnostics.uniformity(vectors) == pytest.approx(loss.item())
    turned = vectors[torch.randperm(k)] @ rotation(vectors.shape[1], seed) * torch.rand(k, 1).add(0.1)
    assert diagnostics.hyperspherical_energy(turned) == pytest.approx(got, rel=1e-6)
    with_zero = torch.cat([vectors, torch.zeros(1, vectors.shape[1])])
    assert diagnostics.hyperspherical_energy(with_zero) == pytest.approx(got)


@quick
@given(st.integers(2, 6), seeds, st.floats(1e-3, 1))
def test_the_simplex_has_the_least_energy(k, seed, distance):
    simplex = torch.eye(k).double() - 1 / k
    assert diagnostics.uniformity(simplex) == pytest.approx((k - 1) ** 2)
    noise = exact(np.random.default_rng(seed).normal(size=(k, k)))
    assert diagnostics.uniformity(simplex + distance * noise) >= (k - 1) ** 2 - 1e-9


@quick
@given(vectors(), seeds)
def test_ulhe_figure_3_cosines(z, seed):
    got = diagnostics.cosines(z)
    assert got.shape == (len(z), len(z))
    for i, a in enumerate(z.numpy()):
        for j, b in enumerate(z.numpy()):
            assert got[i, j].item() == pytest.approx(cosine(a, b), abs=1e-9)
    assert got.abs().max() <= 1
    close(diagnostics.cosines((2 * z @ rotation(z.shape[1], seed)).tolist()), got)


def test_the_cosine_of_zero_is_zero():
    assert diagnostics.cosines([[0, 0], [3, 4]]).tolist() == [[0, 0], [0, 1]]


# --- DCSS: assignments and pairs ----------------------------------------------------------------


@st.composite
def assignments(draw: st.DrawFn) -> torch.Tensor:
    """q (n, k) in eighths, so that inner products are exact and meet the thresholds."""
    n, k = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(seeds))
    return exact(random.multinomial(8, random.dirichlet([0.4] * k), size=n)) / 8


thresholds = st.tuples(st.integers(0, 64), st.integers(0, 64)).map(
    lambda pair: (max(pair) / 64, min(pair) / 64)
)


@quick
@given(assignments(), st.integers(1, 7))
def test_dcss_figure_8_residuals(q, bins):
    expected = []
    for row in q.tolist():
        crisp = [0.0] * len(row)
        crisp[row.index(max(row))] = 1.0
        expected.append(sum(abs(a - b) for a, b in zip(crisp, row, strict=True)))
    assert diagnostics.residuals(q).tolist() == pytest.approx(expected)
    assert all(0 <= one < 2 for one in expected)
    counts, edges = diagnostics.residual_histogram(q.numpy(), bins)
    assert (edges[0], edges[-1], len(edges)) == (0, 2, bins + 1)
    assert counts.tolist() == [
        sum(edges[i] <= one < edges[i + 1] for one in expected) for i in range(bins)
    ]
    assert diagnostics.residuals(torch.eye(3)).tolist() == [0, 0, 0]


@quick
@given(assignments(), thresholds, st.integers(1, 10))
def test_dcss_figures_10_and_13_pairs_and_neighbours(q, limits, size):
    zeta, gamma = limits
    n, rows = len(q), q.tolist()
    products = [[sum(a * b for a, b in zip(p, r, strict=True)) for r in rows] for p in rows]
    flat = [one for row in products for one in row]
    expected = Pairs(
        sum(one >= zeta for one in flat),
        sum(one <= gamma for one in flat),
        sum(gamma < one < zeta for one in flat),
    )
    close_by = [sum(products[i][j] >= zeta for j in range(n) if j != i) for i in range(n)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnostics, "EVALUATION_SIZE", size)
        assert diagnostics.pairs(q, zeta, gamma) == expected
        neighbours = diagnostics.neighbours(q, zeta)
    assert neighbours.tolist() == close_by
    assert sum(expected) == n * n + sum(one == zeta == gamma for one in flat)
    itself = sum(products[i][i] >= zeta for i in range(n))
    assert neighbours.sum().item() == expected.similar - itself <= n * (n - 1)
    largest = q.max(1).values
    assert (largest[neighbours > 0] >= zeta).all()  # Corollary 1.2


def test_a_product_at_a_threshold_counts():
    q = torch.tensor([[0.5, 0.5], [1, 0]])  # products 0.5, but for 1 of the second with itself
    assert diagnostics.pairs(q, 0.5, 0.5) == Pairs(4, 3, 0)
    assert diagnostics.pairs(q, 1, 0.25) == Pairs(1, 0, 3)
    assert diagnostics.neighbours(q, 0.5).tolist() == [1, 1]


def test_pairs_are_those_of_training():
    q = torch.softmax(4 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    curves = dcss.watched(q, q, dcss.Config())
    pairs = diagnostics.pairs(q, 0.8, 0.2)
    own = q.square().sum(1)  # the curves leave out the pairs of a sample and itself
    assert (pairs.similar - int((own >= 0.8).sum())) / 1560 == pytest.approx(curves["similar"].item())
    expected = (pairs.dissimilar - int((own <= 0.2).sum())) / 1560
    assert expected == pytest.approx(curves["dissimilar"].item())
    assert curves["sureness"].item() == pytest.approx(own.mean().item())
    isolated = (diagnostics.neighbours(q, 0.8) == 0).float().mean()
    assert isolated.item() == pytest.approx(curves["isolated"].item())
    assert pairs.neither > 0


# --- nonsense -----------------------------------------------------------------------------------

LINEAR = Learner(encoder=nn.Linear(2, 2), decoder=nn.Linear(2, 2), centroids=torch.eye(2))
X, Q = torch.rand(4, 2), torch.eye(3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: replace(LINEAR, latent="cosine"), "unknown latent loss 'cosine'; choose one of"),
        (lambda: replace(LINEAR, encoder=nn.Flatten()), "no weights to differentiate by"),
        (lambda: replace(LINEAR, centroids=torch.full((2, 2), nan)), "centroids must be finite"),
        (lambda: replace(LINEAR, images=torch.rand(3, 2)), "images must be 2, as centroids; got 3"),
        (
            lambda: diagnostics.feature_drift(replace(LINEAR, centroids=torch.eye(3)), X),
            r"centroids must be \(k, 2\), got \(3, 3\)",
        ),
        (lambda: diagnostics.feature_drift(LINEAR, torch.rand(4)), r"n x d .* got shape \(4,\)"),
        (lambda: diagnostics.feature_drift(LINEAR, X / 0), "x must be finite"),
        (lambda: diagnostics.feature_drift(LINEAR, X, X), "doubtful must be one boolean for each of 4"),
        (lambda: diagnostics.feature_randomness(LINEAR, X, [0, 1]), "each of 4 samples, got 2"),
        (lambda: diagnostics.feature_randomness(LINEAR, X, [0.5] * 4), "row of integers"),
        (lambda: diagnostics.feature_randomness(LINEAR, X, [[1], [0, 1]]), "row of integers"),
        (lambda: diagnostics.largest_shares(X, [0, 1, 2, 3], 3), "from 0 to 2, got 0 to 3"),
        (lambda: diagnostics.largest_shares(X[:, 0], [0] * 4, 3), "z must be n x d real numbers"),
        (lambda: diagnostics.cosines([["a", "b"]]), "z must be rows of numbers"),
        (lambda: diagnostics.cosines(torch.rand(0, 2)), "n and d 1 or more"),
        (lambda: diagnostics.hyperspherical_energy([[nan, 1]]), "vectors must be finite"),
        (lambda: diagnostics.residuals(2 * Q), "probabilities that sum to 1"),
        (lambda: diagnostics.residuals([[1.5, -0.5]]), "probabilities that sum to 1"),
        (lambda: diagnostics.residual_histogram(Q, 0), "1 bin or more"),
        (lambda: diagnostics.pairs(Q, 0.2, 0.8), "0 <= dissimilar <= similar <= 1"),
        (lambda: diagnostics.pairs(Q, nan, 0), "0 <= dissimilar <= similar <= 1"),
        (lambda: diagnostics.neighbours(Q, 1.5), r"similar must be in \[0, 1\], got 1.5"),
    ],
)
def test_nonsense_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()

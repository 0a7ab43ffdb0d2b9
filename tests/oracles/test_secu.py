"""SeCu against slow loops written from its supplement alone; what that leaves open, from its page."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import cos, exp, inf, log, pi, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import normalize

from recluster import fingerprint
from recluster.methods import secu
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.nets.resnet import Block, encoder, resnet18
from recluster.parts import balance, batch_norm, pretraining, rates, self_labelling
from recluster.parts.ranks import Share
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=30)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)
temperatures = st.sampled_from([0.05, 0.5, 1.0])
BRIEF = secu.Config().shortened()


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Unit embeddings u (b, d), unit centres (k, d) and labels (b,)."""
    b, d, k = draw(st.integers(1, 7)), draw(st.integers(2, 4)), draw(st.integers(2, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    u, w = torch.tensor(random.normal(size=(b, d))), torch.tensor(random.normal(size=(k, d)))
    return normalize(u), normalize(w), torch.tensor(random.integers(k, size=b))


@pytest.fixture
def double():
    """Everything that is created inside is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


# --- slow, from the paper -----------------------------------------------------------------------


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def distance(a, b):
    """||a - b||^2."""
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))


def p_of(u, w, temperature):
    """(3), one row for each u."""
    rows = []
    for x in u:
        logits = [dot(x, centre) / temperature for centre in w]
        powers = [exp(one - max(logits)) for one in logits]
        rows.append([power / sum(powers) for power in powers])
    return rows


def equation_4(u, w, labels, temperature):
    """The right-hand side of (4); None for a cluster without members."""
    p, centres = p_of(u, w, temperature), []
    for j in range(len(w)):
        members = [i for i, label in enumerate(labels) if label == j]
        rest = {i: sum(p[i][:j] + p[i][j + 1 :]) for i in members}  # 1 - p_ij, p near 1 included
        weight = sum(rest.values())
        if not members:
            centres.append(None)
            continue
        mean = [sum(rest[i] * u[i][c] for i in members) / weight for c in range(len(u[0]))]
        length = sqrt(dot(mean, mean))
        centres.append([value / length for value in mean])
    return centres


def choice(scores, lower, upper):
    """Section 2, scores for log p: arg min over j of -score_j - rho_j + rho'_j."""
    chosen = []
    for row in scores:
        costs = [-s - a + b for s, a, b in zip(row, lower, upper, strict=True)]
        chosen.append(costs.index(min(costs)))
    return chosen


def next_duals(lower, upper, labels, gamma, gamma_upper, eta):
    """Section 2, both updates, the sums over the batch as printed."""
    b, k = len(labels), len(lower)
    new_lower, new_upper = [], []
    for j in range(k):
        y = [int(label == j) for label in labels]
        new_lower.append(max(0, lower[j] - eta / b * sum(one - gamma / k for one in y)))
        new_upper.append(max(0, upper[j] + eta / b * sum(one - gamma_upper / k for one in y)))
    return new_lower, new_upper


def negative_entropy(counts, total):
    """Sum over j of pi_j log pi_j."""
    return sum(c / total * log(c / total) for c in counts if c > 0)


def entropy_changes(counts, label):
    """By moving one sample to every cluster in turn; a new one (-1) is put into the first."""
    at = max(label, 0)
    counts = [c + (label < 0 and j == 0) for j, c in enumerate(counts)]
    changes = []
    for j in range(len(counts)):
        moved = list(counts)
        moved[at] -= 1
        moved[j] += 1
        changes.append(negative_entropy(moved, sum(moved)) - negative_entropy(counts, sum(counts)))
    return changes


# --- Proposition 1 ------------------------------------------------------------------------------


@quick
@given(batches(), temperatures)
def test_proposition_1_at_least_k_minus_b_centres_are_not_moved(batch, temperature):
    u, w, labels = batch
    w.requires_grad_()
    secu.centre_loss(u, w, labels, temperature).backward()
    unmoved = (w.grad == 0).all(1)
    assert unmoved.sum() >= len(w) - len(u)
    absent = set(range(len(w))) - set(labels.tolist())
    assert absent <= set(unmoved.nonzero().flatten().tolist())


def test_proposition_1_plain_cross_entropy_moves_them_all():
    u, w = normalize(torch.randn(3, 4)), normalize(torch.randn(9, 4)).requires_grad_()
    nn.functional.cross_entropy(u @ w.T, torch.tensor([0, 1, 1])).backward()
    assert (w.grad != 0).any(1).all()


# --- Proposition 2 ------------------------------------------------------------------------------


def variances(means, spread, random, size=40_000):
    """Var_pos and Var_neg by sampling unit vectors with these means (k, d); k - 1 are negatives."""
    k, d = means.shape
    directions = random.normal(size=(k, size, d))
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    across = directions - (directions @ unit[:, :, None]) * unit[:, None]
    across /= np.linalg.norm(across, axis=2, keepdims=True)
    x = sqrt(1 - spread**2) * unit[:, None] + spread * across
    positive = np.square(x[0] - means[0]).sum(1).mean()
    center = means[1:].mean(0)
    negative = np.square(x[1:] - center).sum(2).mean()
    return positive, negative


@pytest.mark.parametrize("k", [3, 8])
def test_proposition_2_holds_on_average_over_independent_centres(k):
    random, a = np.random.default_rng(0), 0.8
    positives, negatives = [], []
    for _ in range(400):
        means = random.normal(size=(k, 6))
        means *= a / np.linalg.norm(means, axis=1, keepdims=True)
        one, other = variances(means, sqrt(1 - a**2), random, size=50)
        positives.append(one)
        negatives.append(other)
    factor = (k - 2) / ((k - 1) * (1 - a**2)) + 1 / (k - 1)
    assert np.mean(positives) == pytest.approx(1 - a**2, rel=0.01)
    assert np.mean(negatives) == pytest.approx(factor * np.mean(positives), rel=0.02)
    assert factor >= 1


def test_proposition_2_is_another_for_centres_that_sum_to_zero():
    """A regular simplex: the mean of the others has the square a^2 / (k - 1)^2, not a^2 / (k - 1)."""
    k, a = 5, 0.8
    simplex = np.eye(k) - 1 / k
    means = a * simplex / np.linalg.norm(simplex, axis=1, keepdims=True)
    _, negative = variances(means, sqrt(1 - a**2), np.random.default_rng(0))
    assert negative == pytest.approx(1 - a**2 / (k - 1) ** 2, abs=0.005)
    assert abs(negative - (1 - a**2 / (k - 1))) > 0.05


# --- Theorem 1 and its proof --------------------------------------------------------------------


@quick
@given(batches(), temperatures)
def test_3_probabilities(batch, temperature):
    u, w, _ = batch
    p = secu.probabilities(u, w, temperature)
    close(p, exact(p_of(u.tolist(), w.tolist(), temperature)))
    close(p.sum(1), torch.ones(len(u)).double())


@quick
@given(batches(), temperatures)
def test_1_value_by_products_and_by_distances(batch, temperature):
    u, w, labels = batch
    got = secu.centre_loss(u, w, labels, temperature).item()
    products, distances = 0.0, 0.0
    for x, y in zip(u.tolist(), labels.tolist(), strict=True):
        inner = [dot(x, centre) / temperature for centre in w.tolist()]
        products += log(sum(exp(one) for one in inner)) - inner[y]
        apart = [distance(x, centre) / (2 * temperature) for centre in w.tolist()]
        distances += log(sum(exp(-one) for one in apart)) + apart[y]
    assert got == pytest.approx(products / len(u), rel=1e-9, abs=1e-9)
    assert got == pytest.approx(distances / len(u), rel=1e-9, abs=1e-9)


@quick
@given(batches(), temperatures)
def test_1_gradient_is_that_of_the_members_alone(batch, temperature):
    u, w, labels = batch
    u.requires_grad_()
    w.requires_grad_()
    secu.centre_loss(u, w, labels, temperature).backward()
    p = p_of(u.tolist(), w.tolist(), temperature)
    expected = [[0.0] * w.shape[1] for _ in w]
    for i, y in enumerate(labels.tolist()):
        for c in range(w.shape[1]):
            expected[y][c] -= (1 - p[i][y]) * u[i, c].item() / temperature / len(u)
    close(w.grad, exact(expected), rtol=1e-6)
    assert u.grad is None


@quick
@given(batches(), temperatures, st.integers(0, 99))
def test_2_the_auxiliary_distribution_is_best_at_p(batch, temperature, seed):
    u, w, _ = batch
    p = p_of(u.tolist(), w.tolist(), temperature)
    random = np.random.default_rng(seed)

    def value(q, x):
        entropy = -sum(one * log(one) for one in q if one > 0)
        costs = [distance(x, centre) / (2 * temperature) for centre in w.tolist()]
        return entropy - dot(q, costs)

    for row, x in zip(p, u.tolist(), strict=True):
        best = value(row, x)
        whole = [exp(-distance(x, centre) / (2 * temperature)) for centre in w.tolist()]
        assert best == pytest.approx(log(sum(whole)), abs=1e-9)
        for _ in range(3):
            other = random.dirichlet(np.ones(len(row)))
            assert value(other.tolist(), x) <= best + 1e-9


@quick
@given(batches(), temperatures)
def test_4_the_optimal_centres(batch, temperature):
    u, w, labels = batch
    got = secu.optimal_centres(u, w, labels, temperature)
    expected = equation_4(u.tolist(), w.tolist(), labels.tolist(), temperature)
    for j, centre in enumerate(expected):
        if centre is None:
            assert not got[j].any()
        else:
            close(got[j], exact(centre), rtol=1e-4, atol=1e-6)


def test_4_is_the_spherical_mean_where_all_p_are_equal():
    torch.manual_seed(0)
    u, w = normalize(torch.randn(40, 3).double()), normalize(torch.randn(4, 3).double())
    labels = torch.arange(40) % 4
    got = secu.optimal_centres(u, w, labels, 1e9)
    for j in range(4):
        close(got[j], normalize(u[labels == j].mean(0), dim=0), rtol=1e-6)


def at_rest(u, labels, k):
    """Centres where the gradient vanishes, by small steps: the map (4) itself may cycle."""
    raw = torch.randn(k, u.shape[1], dtype=torch.float64, requires_grad=True)
    for _ in range(1000):
        loss = secu.centre_loss(u, normalize(raw), labels, 0.5)
        (slope,) = torch.autograd.grad(loss, raw)
        with torch.no_grad():
            raw.copy_(normalize(raw - slope))
    assert slope.norm() < 1e-6
    return raw.detach()


@pytest.mark.parametrize("seed", range(3))
def test_theorem_1_centres_at_rest_are_fixed_points_of_4(seed):
    torch.manual_seed(seed)
    labels = torch.arange(60) % 4
    u = normalize(torch.randn(4, 3).double()[labels] + 0.3 * torch.randn(60, 3).double())
    w = at_rest(u, labels, 4)
    close(secu.optimal_centres(u, w, labels, 0.5), w, rtol=1e-5, atol=1e-5)
    close(exact(equation_4(u.tolist(), w.tolist(), labels.tolist(), 0.5)), w, rtol=1e-5, atol=1e-5)


def test_theorem_1_holds_up_to_sign_for_members_that_point_every_way():
    torch.manual_seed(1)
    u, labels = normalize(torch.randn(60, 3).double()), torch.arange(60) % 4
    w = at_rest(u, labels, 4)
    cosines = (secu.optimal_centres(u, w, labels, 0.5) * w).sum(1)
    close(cosines.abs(), torch.ones(4).double(), rtol=1e-5)
    assert set(cosines.sign().tolist()) == {-1, 1}


@quick
@given(batches(), temperatures)
def test_theorem_1_one_step_of_rate_one_along_the_divided_gradient(batch, temperature):
    """The printed gradient is that of (1) divided by the sum of 1 - p over lambda: departure 4."""
    u, w, labels = batch
    moving = w.clone().requires_grad_()
    own = nn.functional.one_hot(labels, len(w)).bool()
    minus = -torch.cdist(u, moving).square() / (2 * temperature)
    logits = torch.where(own, minus, minus.detach())
    nn.functional.cross_entropy(logits, labels, reduction="sum").backward()
    p = p_of(u.tolist(), w.tolist(), temperature)
    expected = secu.optimal_centres(u, w, labels, temperature)
    for j in set(labels.tolist()):
        weight = sum(1 - p[i][j] for i, y in enumerate(labels.tolist()) if y == j)
        if weight > 1e-3:
            stepped = w[j] - 1.0 * moving.grad[j] * temperature / weight
            close(normalize(stepped, dim=0), expected[j], rtol=1e-4, atol=1e-5)


# --- Section 2: assignment under bounds ---------------------------------------------------------


@quick
@given(batches(), temperatures, st.integers(0, 99))
def test_assignment_by_log_p_and_by_cosines(batch, temperature, seed):
    u, w, _ = batch
    random = np.random.default_rng(seed)
    lower, upper = random.uniform(0, 9, size=(2, len(w)))
    logs = [[log(one) for one in row] for row in p_of(u.tolist(), w.tolist(), temperature)]
    expected = choice(logs, lower, upper)
    assert balance.assigned(exact(logs), exact(lower), exact(upper)).tolist() == expected
    scaled = exact(lower) * temperature, exact(upper) * temperature
    assert balance.assigned(u @ w.T, *scaled).tolist() == expected
    greedy = balance.assigned(u @ w.T, torch.zeros(len(w)), torch.zeros(len(w)))
    assert torch.equal(greedy, (u @ w.T).argmax(1))


@quick
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9),
    st.floats(0, 1),
    st.floats(1, 3),
    st.floats(0.01, 20),
    st.integers(0, 99),
)
def test_duals(labels, gamma, gamma_upper, eta, seed):
    lower, upper = np.random.default_rng(seed).uniform(0, 2, size=(2, 4))
    expected = next_duals(lower, upper, labels, gamma, gamma_upper, eta)
    share = exact([labels.count(j) / len(labels) for j in range(4)])
    got_lower = balance.ascended(exact(lower), gamma / 4 - share, eta)
    got_upper = balance.ascended(exact(upper), share - gamma_upper / 4, eta)
    close(got_lower, exact(expected[0]))
    close(got_upper, exact(expected[1]))
    assert (got_lower >= 0).all()
    assert (got_upper >= 0).all()


def test_duals_rest_at_zero_while_the_bounds_hold():
    share = exact([0.24, 0.3, 0.23, 0.23])
    zero = torch.zeros(4).double()
    assert not balance.ascended(zero, 0.9 / 4 - share, 0.1).any()
    assert not balance.ascended(zero, share - 1.2 / 4, 0.1).any()
    assert not balance.ascended(zero, share - inf, 0.1).any()  # no upper bound


def stream(head, steps, b, seed):
    """Shares (steps, k) of a stream whose scores favour the first clusters."""
    generator = torch.Generator().manual_seed(seed)
    k = len(head.centres)
    favour = torch.linspace(0.4, -0.4, k)
    shares = []
    for _ in range(steps):
        scores = favour + 0.2 * torch.randn(b, k, generator=generator)
        labels = head.relabel(scores, torch.arange(b))
        shares.append(nn.functional.one_hot(labels, k).float().mean(0))
    return torch.stack(shares)


@settings(deadline=None, max_examples=10)
@given(
    st.integers(2, 6),
    st.sampled_from([1, 7, 32]),
    st.sampled_from([0.0, 0.7, 0.9, 1.0]),
    st.sampled_from([None, 1.0, 1.5]),
    st.sampled_from([0.02, 0.1, 2.0]),
    st.integers(0, 99),
)
def test_size_bounds_on_any_stream_but_for_what_the_duals_still_hold(k, b, gamma, most, eta, seed):
    config = replace(BRIEF, lower_ratio=gamma, upper_ratio=most, dual_rate=eta)
    head, steps = secu.Head(b, k, config), 60
    share = stream(head, steps, b, seed).mean(0)
    assert (share >= gamma / k - head.lower / (eta * steps) - 1e-5).all()
    if most is None:
        assert not head.upper.any()
    else:
        assert (share <= most / k + head.upper / (eta * steps) + 1e-5).all()


def test_size_constraint_holds_on_a_long_stream_and_not_without_duals():
    k, steps = 5, 500
    kept = stream(secu.Head(32, k, replace(BRIEF, dual_rate=0.1)), steps, 32, seed=0)
    late = kept[steps // 2 :].mean(0) * k
    assert 0.88 < late.min() < 0.95
    assert late.max() < 1.5
    free = stream(secu.Head(32, k, replace(BRIEF, lower_ratio=0.0)), steps, 32, seed=0)
    assert free.mean(0).min() * k < 0.05
    both = replace(BRIEF, lower_ratio=0.9, upper_ratio=1.1)
    bounded = stream(secu.Head(32, k, both), steps, 32, seed=0)[steps // 2 :].mean(0) * k
    assert 0.87 < bounded.min() <= bounded.max() < 1.13


# --- the entropy constraint ---------------------------------------------------------------------


@quick
@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.integers(-1, 5))
def test_entropy_change_is_that_of_moving_one_sample(counts, label):
    label = min(label, len(counts) - 1)
    if label >= 0:
        counts[label] += 1
    got = balance.entropy_change(exact(counts), torch.tensor([label]))[0]
    expected = exact(entropy_changes(counts, label))
    if label < 0:  # a new sample: up to a constant, which moves no minimum
        got, expected = got - got[0], expected - expected[0]
    else:
        assert got[label] == 0
    close(got, expected, rtol=1e-7, atol=1e-9)


def test_entropy_change_is_exact_in_single_precision():
    counts = torch.tensor([4000, 6000, 5000, 35000])
    label = torch.tensor([3, 0])
    single = balance.entropy_change(counts.float(), label)
    torch.testing.assert_close(
        single, balance.entropy_change(counts.double(), label).float(), rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize(("weight", "least", "most"), [(1e-9, 0, 1), (100.0, 44, 56), (0.12, 1, 99)])
def test_entropy_weight_goes_from_greedy_to_balanced(weight, least, most):
    config = replace(BRIEF, constraint="entropy", entropy_weight=weight)
    head, generator = secu.Head(200, 4, config), torch.Generator().manual_seed(0)
    favour = torch.tensor([0.5, 0.2, 0.0, -0.4])
    for epoch in range(6):
        for rows in torch.randperm(200, generator=generator).split(5):
            scores = favour + 0.1 * torch.randn(5, 4, generator=generator)
            labels = head.relabel(scores, rows)
            if weight < 1e-6:
                assert torch.equal(labels, scores.argmax(1))
        counts = head.counts
        assert counts.sum() == 200, epoch
        assert counts.tolist() == [(head.labels == j).sum() for j in range(4)]
    assert least <= counts.min() <= most
    if weight == 100:
        assert counts.max() <= most


# --- targets and losses -------------------------------------------------------------------------


def cross_entropy(p, target):
    return -sum(
        t * log(one) for row, aim in zip(p, target, strict=True) for one, t in zip(row, aim, strict=True)
    ) / len(p)


@quick
@given(batches(), temperatures, st.floats(0, 1), st.integers(0, 99))
def test_representation_loss(batch, temperature, tau, seed):
    u, w, labels = batch
    other = normalize(u + torch.tensor(np.random.default_rng(seed).normal(size=u.shape)))
    p = p_of(other.tolist(), w.tolist(), temperature)
    expected = [
        [(1 - tau) * one + tau * (j == y) for j, one in enumerate(row)]
        for row, y in zip(p, labels.tolist(), strict=True)
    ]
    other.requires_grad_()
    target = secu.soft_target(secu.probabilities(other, w, temperature), labels, tau)
    close(target, exact(expected))
    close(target.sum(1), torch.ones(len(u)).double())
    assert not target.requires_grad
    got = secu.representation_loss(u, w, target, temperature).item()
    value = cross_entropy(p_of(u.tolist(), w.tolist(), temperature), expected)
    assert got == pytest.approx(value, rel=1e-6, abs=1e-9)


def test_a_label_of_weight_one_is_a_one_hot_target():
    target = secu.soft_target(torch.rand(3, 4), torch.tensor([2, 0, 3]), 1.0)
    assert target.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]


def test_losses_of_a_head_do_not_change_when_the_views_change_places(double):
    torch.manual_seed(0)
    first, second = normalize(torch.randn(6, 8)), normalize(torch.randn(6, 8))
    values = []
    for views in ((first, second), (second, first)):
        torch.manual_seed(1)
        head = secu.Head(9, 4, replace(BRIEF, embedding_size=8))
        values.append(head.losses(views, Share(torch.arange(6))))
    close(*values)


def test_each_loss_moves_what_it_should(double):
    torch.manual_seed(0)
    head = secu.Head(9, 4, replace(BRIEF, embedding_size=8))
    raw = torch.randn(2, 6, 8, requires_grad=True)
    for which, moved in ((0, "representation"), (1, "centres")):
        views = normalize(raw[0]), normalize(raw[1])
        loss = head.losses(views, Share(torch.arange(6)))[which]
        slopes = torch.autograd.grad(loss, [raw, head.centres], allow_unused=True)
        zero = [slope is None or not slope.any() for slope in slopes]
        assert zero == ([False, True] if moved == "representation" else [True, False])


@quick
@given(batches(), st.integers(0, 99))
def test_self_labelling_loss(batch, seed):
    u, w, labels = batch
    confident = torch.tensor(np.random.default_rng(seed).random(len(u)) < 0.5)
    got = self_labelling.self_labelling_loss(u @ w.T / 0.1, labels, confident).item()
    p = p_of(u.tolist(), w.tolist(), 0.1)
    rows = [i for i, one in enumerate(confident.tolist()) if one]
    expected = -sum(log(p[i][labels[i]]) for i in rows) / max(len(rows), 1)
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_encoders_rate():
    """At rest for one epoch, linear for ten, then half a cosine."""
    config, steps = secu.Config(), 391
    limits = 1, config.warm_up, config.epochs
    for step in range(0, 401 * steps, 7):
        if step < steps:
            expected = 0.0
        elif step < 11 * steps:
            expected = 0.2 * (step - steps) / (10 * steps)
        else:
            expected = 0.1 * (1 + cos(pi * (step - 11 * steps) / (390 * steps)))
        rate = config.learning_rate * rates.warmed(step / steps, *limits)
        assert rate == pytest.approx(expected, abs=1e-12)
    assert rates.warmed(11, *limits) == 1
    assert rates.warmed(401, *limits) == pytest.approx(0)


# --- a run, replayed ----------------------------------------------------------------------------


class Replay:
    """One head in lists."""

    def __init__(self, head, n):
        self.centres = head.centres
        self.labels = [-1] * n
        self.lower = [0.0] * len(head.centres)
        self.upper = [0.0] * len(head.centres)

    def relabelled(self, scores, rows, config):
        k = len(self.lower)
        if config.constraint == "size":
            labels = choice(scores, self.lower, self.upper)
            most = inf if config.upper_ratio is None else config.upper_ratio
            self.lower, self.upper = next_duals(
                self.lower, self.upper, labels, config.lower_ratio, most, config.dual_rate
            )
        else:
            counts = [self.labels.count(j) for j in range(k)]
            weight, labels = config.entropy_weight * len(self.labels), []
            for row, n in zip(scores, rows, strict=True):
                costs = [
                    weight * change - score
                    for change, score in zip(entropy_changes(counts, self.labels[n]), row, strict=True)
                ]
                labels.append(costs.index(min(costs)))
        before = [self.labels[n] for n in rows]
        for n, label in zip(rows, labels, strict=True):
            self.labels[n] = label
        return labels, [new if old < 0 else old for old, new in zip(before, labels, strict=True)]


def loss_of(replay, frozen, views, rows, config):
    """Both losses of one head, in loops over samples and clusters; tensors only to carry slopes."""
    w = [centre / centre.square().sum().sqrt() for centre in replay.centres]
    scores = [
        [(dot(a, centre) + dot(b, centre)).item() / 2 for centre in w]
        for a, b in zip(*views, strict=True)
    ]
    labels, before = replay.relabelled(scores, rows, config)
    b, tau = len(rows), config.label_weight
    representation, centres = torch.zeros(()), torch.zeros(())
    p = [p_of(view.tolist(), frozen.tolist(), config.representation_temperature) for view in views]
    for v in (0, 1):
        for i in range(b):
            u = views[v][i]
            logits = [dot(u, centre) / config.representation_temperature for centre in frozen]
            whole = sum(logit.exp() for logit in logits).log()
            for j, logit in enumerate(logits):
                aim = (1 - tau) * p[1 - v][i][j] + tau * (j == before[i])
                representation = representation - aim * (logit - whole) / b
            fixed = [
                dot(u.detach(), one if j == labels[i] else one.detach()) / config.centre_temperature
                for j, one in enumerate(w)
            ]
            centres = centres + (sum(one.exp() for one in fixed).log() - fixed[labels[i]]) / b
    return representation / 2, centres / 2


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"upper_ratio": 1.2, "dual_rate": 2.0},
        {"constraint": "entropy"},
        {"centre_temperature": 1.0, "label_weight": 0.7, "momentum": 0.0},
    ],
)
def test_a_run_is_what_the_loops_give(double, monkeypatch, change):
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(4,)))
    monkeypatch.setattr(secu, "two_views", lambda x, _: (x, x.flip(3) ** 2))
    config = secu.Config(
        network="mlp", features=5, embedding_size=3, heads=2, epochs=3, warm_up=1, batch_size=4
    )
    config = replace(config, **change)
    x, k, n = torch.rand(9, 1, 2, 3), 2, 9
    torch.manual_seed(5)
    steps = []
    for step in secu.fit(x, k, config):
        steps.append({name: value.item() for name, value in step.curves.items()})
    fitted = step.modules["model"]

    torch.manual_seed(5)
    model = secu.Model(x, k, config)
    replays = [Replay(head, n) for head in model.heads]
    velocities = [torch.zeros_like(one) for one in model.parameters()]
    centres = {id(replay.centres) for replay in replays}
    for epoch in range(3):
        frozen = [normalize(replay.centres.detach()) for replay in replays]
        order = torch.randperm(n).tolist()
        parts = [order[:4], order[4:]]  # 4, 4 and 1, of which the last is joined
        means = [0.0, 0.0]
        for number, rows in enumerate(parts):
            views = [model.embed(view) for view in (x[rows], x[rows].flip(3) ** 2)]
            pairs = [
                loss_of(replay, one, views, rows, config)
                for replay, one in zip(replays, frozen, strict=True)
            ]
            losses = [sum(column) / 2 for column in zip(*pairs, strict=True)]
            slopes = torch.autograd.grad(losses[0] + losses[1], list(model.parameters()))
            length = sqrt(sum(slope.square().sum().item() for slope in slopes[: -len(replays)]))
            cut = min(1, 100 / (length + 1e-6))
            time = epoch + number / 2
            rate = 0 if time < 1 else 0.2 * (time - 1) if time < 2 else 0.1 * (1 + cos(pi * (time - 2)))
            with torch.no_grad():
                for one, slope, velocity in zip(model.parameters(), slopes, velocities, strict=True):
                    of_encoder = id(one) not in centres
                    slope = cut * slope if of_encoder else slope
                    velocity.mul_(config.momentum).add_(slope + 1e-4 * one)
                    one -= (rate if of_encoder else 1.2) * velocity
            means = [m + loss.item() * len(rows) / n for m, loss in zip(means, losses, strict=True)]
        sizes = [replays[0].labels.count(j) for j in range(k)]
        expected = {"representation": means[0], "centres": means[1]}
        expected |= {"largest": max(sizes), "smallest": min(sizes)}
        assert steps[epoch] == pytest.approx(expected, rel=1e-6)
    for got, one in zip(fitted.parameters(), model.parameters(), strict=True):
        close(got, one, rtol=1e-6, atol=1e-8)
    for head, replay in zip(fitted.heads, replays, strict=True):
        assert head.labels.tolist() == replay.labels
        close(head.lower, exact(replay.lower))
        close(head.upper, exact(replay.upper))


def test_self_labelling_is_what_the_loops_give(double, monkeypatch):
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(4,)))
    monkeypatch.setattr(self_labelling, "mild_view", lambda x: x.flip(3))
    config = secu.Config(
        network="mlp", features=5, embedding_size=3, heads=2, epochs=3, warm_up=1, confidence=0.7,
        self_labelling_epochs=3, self_labelling_warm_up=1, self_labelling_batch=6,
    )  # fmt: skip
    torch.manual_seed(0)
    x, n = torch.rand(13, 1, 2, 3), 13
    first, model = secu.Model(x, 3, config), secu.Model(x, 3, config)
    model.load_state_dict(first.state_dict())

    torch.manual_seed(1)
    steps = [
        {name: value.item() for name, value in step.curves.items()}
        for step in secu.last_stage(first, x, config)
    ]

    torch.manual_seed(1)
    velocities: dict[int, torch.Tensor] = {}
    model.eval()
    fixed = [row.index(max(row)) for row in model.logits(x).tolist()]
    model.train()
    for epoch in range(3):
        order, mean, share = torch.randperm(n).tolist(), 0.0, 0.0
        for rows in (order[:6], order[6:]):
            w = normalize(model.heads[0].centres)
            weak = p_of(model.embed(x[rows]).tolist(), w.tolist(), 0.05)
            strong = model.embed(x[rows].flip(3))
            aims = [
                fixed[i] if epoch == 0 else row.index(max(row)) if max(row) > 0.7 else None
                for i, row in zip(rows, weak, strict=True)
            ]
            terms = []
            for u, aim in zip(strong, aims, strict=True):
                if aim is not None:
                    logits = [dot(u, centre) / 0.05 for centre in w]
                    terms.append(sum(one.exp() for one in logits).log() - logits[aim])
            loss = sum(terms) / len(terms)
            named = list(model.parameters())
            slopes = torch.autograd.grad(loss, named, allow_unused=True)
            rate = 0.05 * (1 + cos(pi * epoch / 3)) / 2
            with torch.no_grad():
                for i, (one, slope) in enumerate(zip(named, slopes, strict=True)):
                    if slope is not None:
                        velocities[i] = 0.9 * velocities.get(i, 0) + slope + 1e-4 * one
                        one -= rate * velocities[i]
            mean += loss.item() * len(rows) / n
            share += len(terms) / n
        assert steps[epoch] == pytest.approx({"self-labelling": mean, "confident": share})
    for got, one in zip(first.parameters(), model.parameters(), strict=True):
        close(got, one, rtol=1e-6, atol=1e-8)


# --- runs ---------------------------------------------------------------------------------------


def images(n=17, channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.rand(3, channels, 8, 8, generator=generator)[torch.arange(n) % 3]
    return 0.8 * patterns + 0.2 * torch.rand(n, channels, 8, 8, generator=generator)


SMALL = replace(BRIEF, batch_size=8, features=8, embedding_size=4)
KINDS = {
    "size": SMALL,
    "bounded": replace(SMALL, upper_ratio=1.1),
    "entropy": replace(SMALL, constraint="entropy"),
    "self-labelling": replace(SMALL, self_labelling=True, self_labelling_batch=8),
}
every = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS.keys())


def check_steps(x, k, config):
    torch.manual_seed(0)
    total = config.epochs + 2 * config.self_labelling
    epochs = []
    for step in secu.fit(x, k, config):
        epochs.append(step.epoch)
        assert (step.phase, step.epochs) == ("clustering", total)
        assert all(torch.isfinite(value) and value.shape == () for value in step.curves.values())
        z, q = step.embed(x), step.assign(x)
        torch.testing.assert_close(z.norm(dim=1), torch.ones(len(x)))
        assert q.shape == (len(x), k)
        torch.testing.assert_close(q.sum(1), torch.ones(len(x)))
        if "largest" in step.curves:
            labels = step.modules["model"].heads[0].labels
            sizes = [int((labels == j).sum()) for j in range(k)]
            assert sum(sizes) == len(x)
            assert [step.curves["largest"], step.curves["smallest"]] == [max(sizes), min(sizes)]
    assert epochs == [*range(1, total + 1)]
    assert all(torch.isfinite(value).all() for value in step.modules["model"].state_dict().values())
    return step


@every
@pytest.mark.parametrize("channels", [1, 3])
def test_every_phase_runs(config, channels):
    step = check_steps(images(channels=channels), 3, config)
    assert [len(head.centres) for head in step.modules["model"].heads] == [3, 6]
    assert ("confident" in step.curves) == config.self_labelling


@every
@pytest.mark.parametrize("kind", ["constant", "zero", "duplicated", "one apart", "large"])
def test_awkward_data_are_survived(config, kind):
    x = {
        "constant": torch.full((17, 3, 8, 8), 0.5),
        "zero": torch.zeros(17, 1, 8, 8),
        "duplicated": images(2).repeat(9, 1, 1, 1)[:17],
        "one apart": torch.cat([torch.zeros(16, 1, 8, 8), torch.ones(1, 1, 8, 8)]),
        "large": 1000 * images(),
    }[kind]
    check_steps(x, 3, config)


@every
@pytest.mark.parametrize(("n", "k"), [(2, 2), (3, 2), (4, 3), (9, 8), (17, 2)])
def test_few_samples_and_remainders_of_one_are_survived(config, n, k):
    check_steps(images(n), k, config)


def test_batches_of_two_never_leave_one_alone():
    for n in range(2, 8):
        parts = batch_norm.paired(torch.arange(n).split(2))
        assert torch.cat(parts).tolist() == [*range(n)]
        assert min(map(len, parts)) >= 2
    check_steps(images(5), 2, replace(SMALL, batch_size=2))


@pytest.mark.parametrize("network", ["resnet", "mlp", "conv"])
def test_a_shortened_run_on_the_fingerprints_data(network):
    config = secu.Config(network=network, self_labelling=True).shortened()
    step = check_steps(fingerprint._data(), 4, config)
    assert step.epoch == 5


@pytest.mark.parametrize(("scale", "expected"), [(1e-3, None), (1e9, 100.0)])
def test_the_encoders_gradient_is_cut_at_100(scale, expected):
    torch.manual_seed(0)
    model = secu.Model(images(), 3, SMALL)
    optimiser = torch.optim.SGD(model.parameters(), 0.0)
    loss = scale * model.logits(images()).square().mean()
    slopes = torch.autograd.grad(loss, list(model.encoder.parameters()), retain_graph=True)
    batch_norm.descend(model.encoder, optimiser, loss, 0.0)
    plain = torch.stack([one.norm() for one in slopes]).norm()
    cut = torch.stack([one.grad.norm() for one in model.encoder.parameters()]).norm()
    assert cut.item() == pytest.approx(expected or plain.item(), rel=1e-4)


def test_the_encoder_rests_in_the_first_epoch_while_the_centres_move():
    torch.manual_seed(0)
    start = secu.Model(images(), 3, SMALL)
    torch.manual_seed(0)
    states = []
    for step in secu.fit(images(), 3, SMALL):
        model = step.modules["model"]
        states.append([one.clone() for one in model.encoder.parameters()])
        if step.epoch == 1:
            for head, before in zip(model.heads, start.heads, strict=True):
                assert not torch.equal(head.centres, before.centres)
    assert all(map(torch.equal, states[0], start.encoder.parameters()))
    assert not all(map(torch.equal, states[1], states[0]))


def test_a_cluster_that_nobody_joins_keeps_its_centre_but_for_the_decay():
    config = replace(SMALL, heads=1, lower_ratio=0.0, momentum=0.0, weight_decay=0.0)
    torch.manual_seed(0)
    x = torch.full((16, 1, 8, 8), 0.5)
    torch.manual_seed(0)
    before = secu.Model(x, 5, config).heads[0].centres
    torch.manual_seed(0)
    step = next(iter(secu.fit(x, 5, config)))
    head = step.modules["model"].heads[0]
    empty = head.counts == 0
    assert empty.any()
    assert torch.equal(head.centres[empty], before[empty])
    assert not torch.equal(head.centres[~empty], before[~empty])


def test_clusters_are_those_of_the_nearest_centre_without_duals():
    step = check_steps(images(), 3, SMALL)
    head = step.modules["model"].heads[0]
    head.lower += 5 * torch.rand(3)
    z, w = step.embed(images()), normalize(head.centres.detach())
    expected = [max(range(3), key=lambda j, u=u: dot(u, w[j].tolist())) for u in z.tolist()]
    assert step.labels(images()).tolist() == expected
    p = p_of(z.tolist(), w.tolist(), SMALL.representation_temperature)
    torch.testing.assert_close(step.assign(images()), torch.tensor(p), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("network", ["resnet", "mlp"])
def test_rows_are_refused(network):
    with pytest.raises(InputError, match="a random view needs images"):
        next(secu.fit(torch.rand(9, 12), 3, replace(SMALL, network=network)))


# --- ResNet-18 ----------------------------------------------------------------------------------


def test_resnet_is_the_one_for_small_images():
    network = resnet18((3, 32, 32))
    assert sum(one.numel() for one in network.parameters()) == 11_168_832
    convolutions = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    assert sum(one.kernel_size == (3, 3) for one in convolutions) == 17
    assert sum(one.kernel_size == (1, 1) for one in convolutions) == 3
    assert not any(isinstance(one, nn.MaxPool2d) for one in network)
    assert [one.stride[0] for one in convolutions].count(2) == 6
    assert not any(one.bias is not None for one in convolutions)


@pytest.mark.parametrize(("side", "last"), [(8, 1), (28, 4), (32, 4), (96, 7), (5, 1), (1, 1)])
def test_resnet_ends_in_a_mean_over_the_last_positions(side, last):
    network, shapes = resnet18((2, side, side), 16).eval(), []
    for one in network:
        if isinstance(one, Block):
            one.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
    x = torch.rand(3, 2, side, side)
    z = network(x)
    assert z.shape == (3, 16)
    assert shapes[-1] == (3, 16, last, last)
    assert shapes[0][1] == 2
    assert (z >= 0).all()


def test_a_block_is_the_rectified_sum_of_its_two_ways():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 6, 6)
    same, halving = Block(4, 4, 1).eval(), Block(4, 8, 2).eval()
    torch.testing.assert_close(same(x), (same.residual(x) + x).clamp_min(0))
    way = halving.shortcut(x)
    assert way.shape == (2, 8, 3, 3)
    torch.testing.assert_close(halving(x), (halving.residual(x) + way).clamp_min(0))


def test_resnet_starts_with_he_normal_weights():
    torch.manual_seed(0)
    for one in resnet18((3, 8, 8), 128).modules():
        if isinstance(one, nn.Conv2d) and one.weight.numel() > 2000:
            fan_out = one.out_channels * one.kernel_size[0] ** 2
            assert one.weight.std().item() == pytest.approx(sqrt(2 / fan_out), rel=0.1)


def test_encoders_by_name():
    for network in ("resnet", "mlp", "conv"):
        assert encoder(network, (1, 8, 8), 16)(torch.rand(2, 1, 8, 8)).shape == (2, 16)
    with pytest.raises(InputError, match="needs images"):
        encoder("resnet", (64,), 16)
    with pytest.raises(InputError, match="multiple of 8, got 12"):
        encoder("resnet", (1, 8, 8), 12)
    with pytest.raises(InputError, match="unknown network"):
        encoder("vgg", (1, 8, 8), 16)


# --- configs ------------------------------------------------------------------------------------


def test_the_printed_settings():
    config = secu.Config()
    assert (config.embedding_size, config.lower_ratio, config.batch_size) == (128, 0.9, 128)
    assert (config.learning_rate, config.momentum, config.confidence) == (0.2, 0.9, 0.9)
    assert (config.self_labelling_epochs, config.self_labelling_warm_up) == (100, 10)
    assert config.self_labelling_batch == 1024
    assert config.entropy_weight * 50_000 == pytest.approx(6000)
    assert config.entropy_weight * 5_000 == pytest.approx(600)
    assert [
        len(head.centres) for head in secu.Model(images(), 10, replace(config, features=8)).heads
    ] == [*range(10, 101, 10)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "vgg"}, "unknown network 'vgg'; choose one of: resnet, mlp, conv"),
        ({"constraint": "none"}, "unknown constraint 'none'; choose one of: size, entropy"),
        ({"lower_ratio": 1.1}, "lower_ratio must be .*got 1.1"),
        ({"upper_ratio": 0.9}, "upper_ratio must be at least 1 and finite, got 0.9"),
        ({"upper_ratio": float("nan")}, "upper_ratio must be"),
        ({"upper_ratio": float("inf")}, "upper_ratio must be at least 1 and finite, got inf"),
        ({"centre_rate": "1.2"}, "centre_rate must be positive, got '1.2'"),
        ({"entropy_weight": True}, "entropy_weight must be positive, got True"),
        ({"self_labelling_rate": 0.0}, "self_labelling_rate must be positive, got 0.0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"batch_size": 1}, "batch_size and self_labelling_batch must be at least 2"),
        ({"epochs": 11}, r"epochs must exceed 1 \+ warm_up, got 11"),
        ({"smallest_crop": 1.5}, "smallest_crop must be"),
        ({"smallest_crop": 0.0}, "smallest_crop must be positive"),
        ({"heads": 0}, "heads must be .*positive, got 0"),
        ({"dual_rate": -1.0}, "dual_rate must be positive"),
        ({"confidence": float("nan")}, "confidence must be .*got nan"),
        ({"start": pretraining.Config()}, "takes no start"),
    ],
)
def test_nonsense_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        secu.Config(**change)

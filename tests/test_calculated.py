"""What is calculated without a run: the count of operations and memory, and each paper's statements."""

from __future__ import annotations

import itertools
import math
import re
from types import ModuleType

import numpy as np
import pytest
import sympy
import torch
from torch.nn.functional import linear, normalize

from recluster.methods import pcx as pcx_method
from recluster.papers import CLAIMS
from recluster.papers.calculated import cost, dynae, pcx, secu, ulhe
from recluster.papers.calculated.cost import Cost, along, counted, gap, growth, power
from recluster.parts.assignment import student_t

MODULES = (dynae, pcx, secu, ulhe)
SECU = secu.CONFIG


def forget(module: ModuleType) -> None:
    for one in vars(module).values():
        if hasattr(one, "cache_clear"):
            one.cache_clear()


def test_calculations_draw_nothing_from_the_global_streams_and_repeat():
    values = []
    for seed in (1, 2):
        for module in MODULES:
            forget(module)
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  (the stream that must not move)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        values.append([run().value for claim in CLAIMS.values() for run in claim.computed.values()])
        assert torch.equal(torch.get_rng_state(), before[0])
        assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert values[0] == values[1]
    assert all(map(math.isfinite, values[0]))
    assert len(values[0]) == 6 + 4 + 6 + 5 + 5 + 1 + 3


# --- the count ------------------------------------------------------------------------------------

A, B = torch.zeros(30, 20), torch.zeros(20, 7)


@pytest.mark.parametrize(
    ("equations", "operations"),
    [
        (lambda: A @ B, 2 * 30 * 20 * 7),
        (lambda: linear(A, B.T, torch.zeros(7)), 2 * 30 * 20 * 7 + 7),  # and the zeros
        (lambda: torch.zeros(5, 30, 20) @ torch.zeros(5, 20, 7), 5 * 2 * 30 * 20 * 7 + 5 * 740),
        (lambda: A.T.reshape(600)[:50].view(5, 10), 600),  # the copy that a reshape makes
        (lambda: A.T[:, 3:].expand(20, 27), 0),
        (lambda: A + 1, 600),
        (lambda: A[:, None] + torch.zeros(4, 1), 30 * 4 * 20 + 4),
        (lambda: A.sum(), 600),
        (lambda: A.sum(1).exp().sum(), 600 + 30 + 30),
        (lambda: torch.cat([A, A]), 1200),
    ],
)
def test_operations_by_hand(equations, operations):
    assert counted(equations).time == operations


def test_a_gradient_of_a_product_is_two_products():
    a, b = torch.zeros(30, 20, requires_grad=True), torch.zeros(20, 7, requires_grad=True)
    forwards = counted(lambda: (a @ b).sum()).time
    both = counted(lambda: (a @ b).sum().backward()).time
    products = 2 * 2 * 30 * 20 * 7
    assert products <= both - forwards < products + 1000  # and the arithmetic of ones


def test_the_most_that_is_held_at_a_time():
    def freed() -> None:
        for _ in range(5):
            torch.zeros(100) + 1  # two arrays, then none

    def kept() -> list[torch.Tensor]:
        return [torch.zeros(100) for _ in range(5)]

    def in_place() -> None:
        x = torch.zeros(100)
        for _ in range(5):
            x.add_(1).t()

    sizes = [counted(one).space for one in (freed, kept, in_place)]
    assert sizes == [800, 2000, 400]


def test_a_count_depends_on_shapes_alone():
    random = [torch.randn(40, 6, generator=torch.Generator().manual_seed(s)) for s in (0, 1)]
    costs = {counted(lambda z=z: student_t(z, z[:5])) for z in (*random, torch.zeros(40, 6))}
    assert len(costs) == 1


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 1.0, 2.5])
def test_a_power_law_gives_its_exponent(exponent):
    sizes = [3, 10, 50, 400]
    assert power(sizes, [7 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_growth_in_each_variable_of_a_known_product():
    def equations(n: int, m: int):
        x, w = torch.zeros(n, m), torch.zeros(m, m)
        return lambda: x @ w

    base = {"n": 8, "m": 8}
    ways = {name: along(base, name, (64, 128, 256)) for name in base}
    found = growth(equations, ways)
    assert found["n"] == Cost(pytest.approx(1), pytest.approx(1))
    assert found["m"] == Cost(pytest.approx(2), pytest.approx(1))
    assert along(base, "n", (1, 2), m=3) == [{"n": 1, "m": 3}, {"n": 2, "m": 3}]


def test_the_gap_is_the_largest_distance_of_those_that_are_printed():
    one = gap({"N": 1, "d": 2}, {"N": 0.95, "d": 1.0, "K": 9.0})
    assert one.value == pytest.approx(1)
    assert one.evidence == "fitted exponents: N 0.95 (printed 1), d 1.00 (printed 2)"
    assert not cost.CLOSE.holds(one.value)
    assert cost.CLOSE.holds(gap({"N": 1}, {"N": 0.95}).value)


# --- the formulas ---------------------------------------------------------------------------------


def highest(mark: str, letters: str = "TMNWBKdLDm") -> dict[str, int]:
    """The highest power of each variable in a printed formula, by computer algebra."""
    formula = mark.removeprefix("O(")[:-1].replace("N~", "W").replace("^", "**")
    formula = re.sub(r"T[12]", "T", formula)
    formula = re.sub(r"\s+", "*", formula.replace(" + ", "+"))
    while (joined := re.sub(rf"([{letters}\d)])([{letters}(])", r"\1*\2", formula)) != formula:
        formula = joined
    symbols = {name: sympy.Symbol(name) for name in letters}
    terms = sympy.expand(sympy.sympify(formula, locals=symbols)).as_ordered_terms()
    powers = [term.as_powers_dict() for term in terms]
    return {
        name: max(int(one.get(symbol, 0)) for one in powers)
        for name, symbol in symbols.items()
        if any(symbol in one for one in powers)
    }


MULTIPLIERS = {"M", "T", "m"}  # epochs and iterations


def asked(claim: str, row: str, metric: str) -> dict[str, int]:
    """The highest powers in what a claim prints, but for the number of repetitions."""
    cells = CLAIMS[claim].cells
    (mark,) = (cell.mark for cell in cells if (cell.row, cell.metric) == (row, metric))
    return {name: power for name, power in highest(mark).items() if name not in MULTIPLIERS}


@pytest.mark.parametrize(("method", "metric"), pcx.PRINTED)
def test_the_exponents_of_table_2_are_those_of_its_formulas(method, metric):
    absent = {"N": 0} if metric == "space" else {}
    assert pcx.PRINTED[method, metric] == absent | asked("pcx.table2", method, metric)


@pytest.mark.parametrize("term", ulhe.PRINTED)
def test_the_exponents_of_section_3_4_are_those_of_its_terms(term):
    assert ulhe.PRINTED[term] == asked("ulhe.complexity", term, "time")


@pytest.mark.parametrize("method", dynae.LOSSES)
def test_the_exponents_of_section_4_3_are_those_of_its_formula(method):
    assert asked("dynae.complexity", method, "time") == dynae.PRINTED


# --- the costs ------------------------------------------------------------------------------------


def test_a_full_covariance_would_have_the_printed_square_and_a_diagonal_has_not():
    def full(N: int, B: int, K: int, d: int):
        z, precisions = torch.zeros(N, d), torch.zeros(K, d, d)
        return lambda: [((z @ precision) * z).sum(1) for precision in precisions]

    way = along({"N": 64, "B": 1, "K": 2, "d": 1}, "d", (64, 128, 256))
    assert growth(full, {"d": way})["d"].time == pytest.approx(2, abs=0.1)
    assert pcx.grown("VaDE")["d"].time == pytest.approx(1, abs=0.1)


def test_memory_grows_with_the_samples_where_a_target_of_all_is_kept():
    assert {name: round(pcx.grown(name)["N"].space) for name in pcx.EPOCHS} == {
        "VaDE": 0,
        "IDEC": 1,
        "PC-X": 0,
    }


def test_pairs_would_be_squared_and_ours_are_never_formed():
    def formed(N: int, K: int, d: int, W: int):
        u = torch.zeros(N, d)
        return lambda: (1 - u @ u.T).sum()

    way = along(ulhe.BASE, "N", (256, 512, 1024))
    assert growth(formed, {"N": way})["N"].time == pytest.approx(2, abs=0.1)
    assert growth(ulhe.weights, {"N": way})["N"].time == pytest.approx(1, abs=0.1)


def test_a_dense_layer_has_the_square_of_its_width_and_four_methods_are_alike():
    found = [dynae.exponents(method) for method in dynae.LOSSES]
    assert [round(one["D"]) for one in found] == [2, 2, 2, 2]
    assert [round(one["L"]) for one in found] == [1, 1, 1, 1]
    decoder = [counted(dynae.step(method, 2, 64)).time for method in ("DEC", "IDEC")]
    assert decoder[1] > 1.5 * decoder[0]  # alike in their growth, not in their cost


# --- PC-X's eq. (6) -------------------------------------------------------------------------------


def test_the_slopes_at_the_closed_form_by_hand():
    """c = (0.5 * 0 + 6 / 3) / (0.5 + 1); the decoder gives back half of z and half of c."""
    centroid, own, whole = pcx.slopes(0.5)
    assert centroid.item() == pytest.approx(4 / 3)
    assert own == pytest.approx(0, abs=1e-12)
    assert whole == pytest.approx(2.5 - 1 - 2 / 3)
    assert pcx.slopes(0.0)[2] == pytest.approx(0, abs=1e-12)  # a decoder that does not see it


def test_kappa_is_the_papers_for_a_cluster_of_the_mean_size_alone():
    found = pcx.kappas(torch.tensor([20.0, 10.0, 30.0]))
    rho = 0.995 / 0.005 / 3
    expected = [rho / (rho + share) for share in (1 / 3, 1 / 6, 1 / 2)]
    assert found.tolist() == pytest.approx(expected)
    assert found[0].item() == pytest.approx(0.995)
    assert found.sort().indices.tolist() == [2, 0, 1]


def test_eq_6_is_the_average_with_the_printed_kappa_and_not_with_a_constant():
    centroids, sums, counts = pcx.batch()
    rho = pcx.penalty(10)
    for k in range(10):
        exact = (rho * centroids[k] + sums[k] / 256) / (rho + counts[k] / 256)
        kappa = rho / (rho + counts[k] / 256)
        assert torch.allclose(exact, kappa * centroids[k] + (1 - kappa) * sums[k] / counts[k])
    constant = pcx_method.averaged(centroids, sums, counts, 0.995)
    exact = pcx_method.proximal(centroids, sums, counts, 1.0, rho)
    assert (constant - exact).abs().max() > 1e-4


# --- SeCu's proposition and theorem ---------------------------------------------------------------


def test_the_fewest_empty_clusters_are_k_less_b_by_pairwise_different_instances():
    for k, b in ((5, 3), (4, 1), (6, 5)):
        every = list(itertools.product(range(k), repeat=b))
        empty = [k - len(set(batch)) for batch in every]
        assert secu.without_member(torch.tensor(every), k).tolist() == empty
        assert min(empty) == k - b
        assert empty.count(k - b) == math.perm(k, b)
    one = secu.fewest_empty()
    assert one.value == 0
    total = sum(k**b for k in range(2, 7) for b in range(1, k))
    assert f"all {total:,} batches" in one.evidence


def by_eq_4(u: np.ndarray, centres: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Eq. (4) as slow loops."""
    found = np.zeros_like(centres)
    for point, label in zip(u, labels, strict=True):
        odds = np.exp(centres @ point / SECU.centre_temperature)
        found[label] += (1 - odds[label] / odds.sum()) * point
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_centres_at_rest_meet_eq_4_and_others_do_not():
    u, start, labels, centres = (one.numpy() for one in secu.at_rest())
    assert np.abs(by_eq_4(u, centres, labels) - centres).max() < 1e-7
    assert np.abs(by_eq_4(u, start, labels) - centres).max() > 0.1
    assert secu.resting_angle().value < 1e-5 < 1 < secu.closed_form().value


def test_a_step_of_the_proofs_objective_at_the_found_rate_is_eq_4():
    u, start, labels, _ = secu.at_rest()
    own, others = start.clone().requires_grad_(), start
    squares = torch.cdist(u, others).square() / (2 * SECU.centre_temperature)
    mine = (u - own[labels]).square().sum(1) / (2 * SECU.centre_temperature)
    rest = squares.exp().reciprocal().scatter(1, labels[:, None], 0).sum(1)
    ((mine.neg().exp() + rest).log() + mine).sum().backward()
    rates = secu.rates(u, start, labels, SECU.centre_temperature)
    stepped = normalize(start - rates[:, None] * own.grad)
    assert np.abs(by_eq_4(*(x.numpy() for x in (u, start, labels))) - stepped.numpy()).max() < 1e-6
    assert secu.rate_of_one().value == pytest.approx((rates - 1).abs().max().item())


def test_an_angle_between_unit_vectors_by_hand():
    turned = torch.tensor([[1.0, 0.0], [math.cos(0.3), math.sin(0.3)]]).double()
    assert secu.apart(turned, torch.tensor([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(math.degrees(0.3))


# --- ULHE-DC's exponent ---------------------------------------------------------------------------


def test_the_share_of_the_nearest_pairs_as_slow_loops():
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(ulhe.DRAWS):
        points = torch.randn(11, 3, generator=generator, dtype=torch.float64).numpy()
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        gaps = sorted(math.dist(p, q) for p, q in itertools.combinations(points, 2))
        shares.append(sum(gap**-32 for gap in gaps[:5]) / sum(gap**-32 for gap in gaps))
    assert ulhe.local_share().value == pytest.approx(np.mean(shares))


def test_a_large_exponent_moves_what_is_no_simplex_alone():
    assert ulhe.locally(ulhe.MANY).value > 1
    assert ulhe.globally(ulhe.MANY).value > 1
    assert abs(ulhe.locally(ulhe.SHOWN).value) < 0.05
    cosine = math.degrees(math.acos(-1 / 9))
    assert ulhe.smallest_angle(ulhe.arranged(10, 10, 32)) == pytest.approx(cosine, abs=0.05)


def test_eq_9_at_two_needs_no_power():
    points = normalize(torch.tensor([[1.0, 0, 0], [0, 2, 0], [1, 1, 1], [-1, 0, 1]]).double())
    by_cosines = sum(1 / (2 - 2 * float(p @ q)) for p, q in itertools.combinations(points, 2))
    assert ulhe.energy_of(points) == pytest.approx(by_cosines)
    assert ulhe.without_power().value < 1e-12

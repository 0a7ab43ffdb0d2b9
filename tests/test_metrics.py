from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from recluster import metrics
from recluster.spec import InputError

EVERY_SCORE = [metrics.accuracy, metrics.nmi, metrics.ari, metrics.scores]


@st.composite
def clusterings(draw: st.DrawFn, most: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Classes and clusters of the same samples, their numbers drawn apart."""
    n = draw(st.integers(1, 40))
    k, c = draw(st.integers(1, most)), draw(st.integers(1, most))
    y = draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    labels = draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n))
    return np.array(y), np.array(labels)


# --- against other implementations --------------------------------------------------------------


def accuracy_by_trying_all(y: np.ndarray, labels: np.ndarray) -> float:
    width = max(y.max(), labels.max()) + 1
    return max(np.mean(y == np.array(names)[labels]) for names in itertools.permutations(range(width)))


@given(clusterings())
def test_accuracy_is_the_best_of_all_one_to_one_names(pair):
    assert metrics.accuracy(*pair) == pytest.approx(accuracy_by_trying_all(*pair))


@given(clusterings(most=8))
def test_nmi_and_ari_are_scikit_learns(pair):
    for average in ("arithmetic", "max"):
        expected = normalized_mutual_info_score(*pair, average_method=average)
        assert metrics.nmi(*pair, average) == pytest.approx(expected)
    assert metrics.ari(*pair) == pytest.approx(adjusted_rand_score(*pair))


@given(clusterings())
def test_nmi_is_the_printed_formula(pair):
    joint = np.zeros((5, 5))
    np.add.at(joint, pair, 1 / len(pair[0]))
    own = [joint.sum(1), joint.sum(0)]
    h_y, h_c = (-sum(p * np.log(p) for p in side if p > 0) for side in own)
    both = np.outer(*own)
    mutual = np.sum(joint[joint > 0] * np.log(joint[joint > 0] / both[joint > 0]))
    if any(len(np.unique(side)) > 1 for side in pair):  # else 0/0
        assert metrics.nmi(*pair) == pytest.approx(2 * mutual / (h_y + h_c), abs=1e-9)
        assert metrics.nmi(*pair, "max") == pytest.approx(mutual / max(h_y, h_c), abs=1e-9)


# --- laws ---------------------------------------------------------------------------------------


@given(clusterings(most=8), st.randoms())
def test_renaming_the_clusters_changes_nothing(pair, random):
    y, labels = pair
    names = random.sample(range(-50, 50), 8)
    assert metrics.scores(y, np.array(names)[labels]) == pytest.approx(metrics.scores(y, labels))


@given(clusterings(most=8))
def test_scores_keep_their_bounds(pair):
    scores = metrics.scores(*pair)
    assert all(0 <= scores[name] <= 1 for name in ("acc", "nmi", "nmi_max"))
    assert -0.5 <= scores["ari"] <= 1
    assert scores["nmi_max"] <= scores["nmi"] + 1e-12
    assert scores["clusters"] == len(set(pair[1].tolist()))
    # The largest cluster can always be named after its largest class.
    assert scores["acc"] >= np.bincount(pair[0][pair[1] == pair[1][0]]).max() / len(pair[0])


@given(clusterings(most=8))
def test_a_clustering_agrees_with_itself(pair):
    scores = metrics.scores(pair[0], pair[0])
    assert scores == pytest.approx(scores | dict.fromkeys(("acc", "nmi", "nmi_max", "ari"), 1))


@given(clusterings(most=8))
def test_exchanging_classes_and_clusters_changes_nothing(pair):
    there, back = metrics.scores(*pair), metrics.scores(*reversed(pair))
    assert all(there[name] == pytest.approx(back[name]) for name in there if name != "clusters")


# --- by hand ------------------------------------------------------------------------------------


def test_six_samples_by_hand():
    scores = metrics.scores([0, 0, 0, 1, 1, 1], [7, 7, 3, 3, 3, 3])
    # 2/6, 1/6 and 3/6 of the samples, each against the product of its shares.
    mutual = 2 / 6 * np.log(2) + 1 / 6 * np.log(1 / 2) + 3 / 6 * np.log(3 / 2)
    h_c = -(2 / 6 * np.log(2 / 6) + 4 / 6 * np.log(4 / 6))
    assert scores == pytest.approx(
        {
            "acc": 5 / 6,
            "nmi": 2 * mutual / (np.log(2) + h_c),
            "nmi_max": mutual / np.log(2),
            "ari": (4 - 6 * 7 / 15) / (6.5 - 6 * 7 / 15),
            "clusters": 2,
        }
    )


def test_more_clusters_than_classes_leave_some_unmatched():
    assert metrics.accuracy([0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 2, 3]) == pytest.approx(4 / 6)


def test_fewer_clusters_than_classes_leave_some_unmatched():
    assert metrics.accuracy([0, 1, 2, 3], [0, 0, 1, 1]) == pytest.approx(2 / 4)


def test_one_cluster_scores_the_majority_class_and_no_information():
    scores = metrics.scores([0, 0, 0, 1], [5, 5, 5, 5])
    assert scores == {"acc": 0.75, "nmi": 0, "nmi_max": 0, "ari": 0, "clusters": 1}


def test_worse_than_random_has_a_negative_ari():
    assert metrics.ari([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)


def test_empty_clusters_are_not_counted():
    assert metrics.scores([0, 1, 2], [0, 9, 9])["clusters"] == 2


def test_scores_are_plain_numbers():
    scores = metrics.scores([0, 1, 1], [0, 1, 0])
    assert {name: type(value) for name, value in scores.items()} == dict.fromkeys(
        ("acc", "nmi", "nmi_max", "ari"), float
    ) | {"clusters": int}


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        list,
        tuple,
        np.array,
        lambda values: np.array(values, np.uint8),
        torch.tensor,
        lambda values: torch.tensor(values, dtype=torch.int32),
    ],
)
def test_arrays_lists_and_tensors_score_alike(kind):
    y, labels = [0, 0, 1, 2, 2], [1, 1, 0, 0, 2]
    assert metrics.scores(kind(y), kind(labels)) == metrics.scores(y, labels)


@pytest.mark.parametrize("score", EVERY_SCORE)
@pytest.mark.parametrize(
    ("y", "labels", "message"),
    [
        ([], [], "y must not be empty"),
        ([0, 1], [], "labels must not be empty"),
        ([0, 1], [0, 1, 1], "equally long, got 2 and 3"),
        ([[0, 1]], [0, 1], r"y must have one axis, got shape \(1, 2\)"),
        ([0, 1], np.eye(2, dtype=int), r"labels must have one axis, got shape \(2, 2\)"),
        ([0, 1], 1, r"labels must have one axis, got shape \(\)"),
        ([0.0, 1.0], [0, 1], "y must be integers, got float64"),
        ([0, 1], [0, float("nan")], "labels must be integers, got float64"),
        ([0, 1], [True, False], "labels must be integers, got bool"),
        (["a", "b"], [0, 1], "y must be integers, got <U1"),
        ([0, 1], [None, 1], "labels must be integers, got object"),
        ([[0], [1, 2]], [0, 1], "y must be a row of integers: .*inhomogeneous"),
        ([0, 1], torch.zeros(2), "labels must be integers, got float32"),
        ([0, 1], torch.zeros(2, dtype=torch.bfloat16), "labels must be a row of integers: "),
    ],
)
def test_bad_labels_are_named(score, y, labels, message):
    with pytest.raises(InputError, match=message):
        score(y, labels)


def test_an_unknown_average_is_named():
    with pytest.raises(InputError, match="unknown average 'geometric'; choose one of: arithmetic, max"):
        metrics.nmi([0, 1], [0, 1], "geometric")  # type: ignore[arg-type]

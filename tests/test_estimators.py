"""The scikit-learn door: scikit-learn's own checks, and what it does not ask."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import recluster
from recluster import (
    DCN,
    DCSS,
    DEC,
    DKM,
    IDEC,
    PCX,
    ULHE,
    AEKMeans,
    DynAE,
    SeCu,
    VaDE,
    estimators,
    load_dataset,
    saving,
)
from recluster.clusterer import Clusterer, SoftAssignment
from recluster.methods import idec
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.parts import acai, pretraining
from recluster.spec import Config, InputError
from recluster.train import train

AE: dict[str, Any] = {
    "n_clusters": 2,
    "embedding_size": 2,
    "pretraining_epochs": 5,
    "pretraining_batch_size": 32,
    "random_state": 0,
    "device": "cpu",
}
COLD: dict[str, Any] = {"n_clusters": 2, "embedding_size": 2, "random_state": 0, "device": "cpu"}
ALL: dict[str, Clusterer] = {
    "PCX": PCX(**COLD, epochs=6, burn_in=3, batch_size=32),
    "ULHE": ULHE(**AE, epochs=3, restarts=4),
    "DynAE": DynAE(**COLD, pretraining_steps=10, steps=9, refresh=4),
    "DCSS": DCSS(**AE, centring_epochs=2, pairing_epochs=10, guided_epochs=8, batch_size=16),
    "SeCu": SeCu(
        **COLD | {"embedding_size": 8},
        image_shape=(1, 1, -1),
        network="mlp",
        features=16,
        heads=1,
        epochs=15,
        warm_up=2,
        batch_size=16,
        learning_rate=0.05,
        smallest_crop=0.5,
    ),
    "DEC": DEC(**AE, steps=9, refresh=4),
    "IDEC": IDEC(**AE, steps=9, refresh=4),
    "DCN": DCN(**AE, epochs=3),
    "DKM": DKM(**AE, epochs=3),
    "VaDE": VaDE(**AE, epochs=3),
    "AEKMeans": AEKMeans(**AE, restarts=2),
}
SHARED = {"n_clusters", "image_shape", "random_state", "device", "verbose"}
IMAGES = load_dataset("digits").x[:60]
ROWS = IMAGES.reshape(60, 64)

every = pytest.mark.parametrize("model", ALL.values(), ids=ALL.keys())


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fully connected networks with two narrow hidden layers."""
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(16, 8)))


def made(model: Clusterer, **parameters: Any) -> Clusterer:
    return clone(model).set_params(**parameters)


def answers(model: Clusterer, x: Any) -> list[np.ndarray]:
    """Everything that a fitted estimator says about x."""
    soft = [model.predict_proba(x)] if isinstance(model, SoftAssignment) else []
    return [model.predict(x), model.transform(x), *soft]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


# --- scikit-learn's checks ----------------------------------------------------------------------

ONE_CLUSTER = {
    "check_dont_overwrite_parameters",
    "check_methods_subset_invariance",
    "check_fit2d_predict1d",
}


def expected_failures(model: Clusterer) -> dict[str, str]:
    """pytest's `xfail_strict` makes each fail that passes after all."""
    return dict.fromkeys(ONE_CLUSTER, "it asks for one cluster, and two is the least")


@parametrize_with_checks(list(ALL.values()), expected_failed_checks=expected_failures)
def test_scikit_learn(estimator, check):
    check(estimator)


@every
@pytest.mark.parametrize("check", sorted(ONE_CLUSTER))
def test_checks_that_ask_for_one_cluster_pass_with_two(model, check, monkeypatch):
    monkeypatch.setattr(Clusterer, "_number", lambda self, data: max(2, self.n_clusters))
    getattr(estimator_checks, check)(type(model).__name__, model)


# --- parameters ---------------------------------------------------------------------------------


def test_the_package_names_every_estimator():
    classes = {
        name
        for name, kind in vars(estimators).items()
        if inspect.isclass(kind) and issubclass(kind, Clusterer) and hasattr(kind, "_method")
    }
    assert classes == set(ALL)
    assert classes | {"Dataset", "load_dataset"} == set(recluster.__all__)
    assert all(getattr(recluster, name) is getattr(estimators, name) for name in classes)
    with pytest.raises(AttributeError, match="no attribute 'KMeans'"):
        _ = recluster.KMeans


@every
def test_parameters_are_explicit_and_have_the_defaults_of_the_config(model):
    kind = type(model)
    parameters = inspect.signature(kind).parameters
    assert set(parameters) == set(model.get_params())
    assert {one.kind for one in parameters.values()} == {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    }
    assert kind(5).n_clusters == 5
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        kind(epoch=3)
    start = pretraining.Config() if kind is AEKMeans else kind._method().start
    assert kind()._config() == kind._method(start=start)


WORDS = {
    "network": "conv",
    "embedding": "relu",
    "centroid_update": "fixed",
    "compactness": "sum",
    "iteration": "batch",
    "target": "neighbour",
    "phases": "first",
    "constraint": "entropy",
    "likelihood": "bernoulli",
    "initialisation": "glorot",
}


def another(name: str, value: Any) -> Any:
    """A valid value of the parameter that is not its default."""
    if name in WORDS:
        return WORDS[name]
    if isinstance(value, bool):
        return not value
    if value is None:
        return 2.0
    return value + 1 if isinstance(value, int) else 0.99 * value or 0.5


def chain_of(config: Config | None) -> Iterator[Config]:
    """The config, that of the run which it starts from, and so on."""
    while config is not None:
        yield config
        config = config.start


def options(model: Clusterer) -> dict[tuple[str, str], Any]:
    """All options of the method and of its pretraining, as the estimator sets them."""
    config = model._config()
    return {
        (one.method, field.name): getattr(one, field.name)
        for one in chain_of(config)
        for field in dataclasses.fields(one)
        if field.name != "start"
    }


@every
def test_every_option_of_the_method_and_its_pretraining_has_one_parameter(model):
    default = type(model)()
    expected, reached = options(default), []
    for name in set(default.get_params()) - SHARED - {"start"}:
        changed = options(type(model)(**{name: another(name, getattr(default, name))}))
        reached += [option for option in changed if changed[option] != expected[option]]
    assert sorted(reached) == sorted(expected)


def test_another_pretraining_can_be_given():
    start = acai.Config(steps=3, embedding_size=2)
    model = DEC(2, start=start, steps=3, random_state=0, device="cpu").fit(ROWS)
    assert "deception" in model.history_[0]
    deep = DCSS(2, start=idec.Config(start=start, steps=3), phases="second", pairing_epochs=1)
    assert "pairs" in deep.fit(ROWS).history_[-1]
    warm = PCX(2, start=pretraining.Config(epochs=1), epochs=1).fit(ROWS)
    assert [one["phase"] for one in warm.history_] == ["pretraining", "clustering"]
    with pytest.raises(InputError, match="pretraining_epochs would have no effect"):
        DEC(2, start=start, pretraining_epochs=7).fit(ROWS)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (PCX(1), r"n_clusters must be a whole number between 2 and n_samples, got 1 for n_samples=60"),
        (PCX(61), "between 2 and n_samples, got 61"),
        (PCX(2.5), "a whole number"),
        (PCX(2, epochs=0), "pcx: epochs must be a whole number, positive, got 0"),
        (DEC(2, pretraining_epochs=-1), "ae: epochs must be a whole number, positive, got -1"),
        (DynAE(2, target="nearest"), "unknown target 'nearest'; choose one of: decoded neighbour"),
        (PCX(2, random_state="one"), "random_state: 'one' cannot be used to seed"),
        (PCX(2, device="gpu"), 'device must be "auto" or a name of torch\'s'),
        (PCX(2, network="conv"), r"PCX with these parameters needs images.*image_shape=\(1, 8, 8\)"),
        (IDEC(2, network="conv"), "IDEC with these parameters needs images"),
        (SeCu(2), "SeCu with these parameters needs images"),
        (SeCu(2, image_shape=(1, 9, 9)), r"64 numbers cannot be read as images of \(1, 9, 9\)"),
        (SeCu(2, image_shape=64), "image_shape must be a tuple"),
    ],
)
def test_parameters_that_do_not_fit_are_named(model, said):
    with pytest.raises(InputError, match=said):
        model.fit(ROWS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(InputError, match="no GPU here"):
        PCX(2, device="cuda").fit(ROWS)


# --- fitting ------------------------------------------------------------------------------------


@every
def test_what_a_fit_leaves(model):
    model = made(model, n_clusters=4)
    labels = model.fit_predict(ROWS)
    assert labels is model.labels_
    assert labels.shape == (60,)
    assert set(labels) <= set(range(4))
    assert np.array_equal(model.predict(ROWS), labels)
    d = model.embedding_size
    assert model.transform(ROWS[:7]).shape == (7, d)
    assert model.cluster_centers_.shape == (4, d)
    assert np.isfinite(model.cluster_centers_).all()
    assert model.n_features_in_ == 64
    phases = [one["phase"] for one in model.history_]
    assert phases == sorted(phases, key=["pretraining", "clustering"].index)
    assert model.n_iter_ == phases.count("clustering")
    assert model.n_iter_ == model.history_[-1]["epoch"] + getattr(model, "centring_epochs", 0)
    assert all(np.isfinite(value) for one in model.history_ for value in [*one.values()][1:])


@every
def test_soft_assignments_are_offered_where_the_method_has_them(model):
    hard = type(model) in (ULHE, DCN, AEKMeans)
    assert hasattr(model, "predict_proba") != hard
    if not hard:
        model = made(model, n_clusters=3).fit(ROWS)
        soft = model.predict_proba(ROWS)
        assert soft.shape == (60, 3)
        np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-5)
        assert np.array_equal(soft.argmax(1), model.labels_)
        assert ((soft > 0) & (soft < 1)).any()


@pytest.mark.parametrize("model", [ALL[name] for name in ("AEKMeans", "DCN", "DEC", "VaDE")], ids=repr)
def test_centres_lie_where_their_samples_do(model):
    model = made(model, n_clusters=3, pretraining_epochs=30).fit(ROWS)
    z = model.transform(ROWS)
    nearest = ((z[:, None] - model.cluster_centers_) ** 2).sum(2).argmin(1)
    assert (nearest == model.labels_).mean() > 0.9  # all, but for a mixture's unequal variances


@every
def test_one_seed_one_answer_whatever_the_data_come_in(model, tmp_path):
    expected = made(model).fit(ROWS)
    np.save(tmp_path / "rows.npy", ROWS)
    for x in (
        torch.from_numpy(ROWS),
        torch.from_numpy(ROWS).double().requires_grad_(),
        np.asfortranarray(ROWS.astype(np.float64)),
        ROWS.tolist(),
        pd.DataFrame(ROWS),
        np.load(tmp_path / "rows.npy", mmap_mode="r"),
    ):
        fitted = made(model).fit(x)
        assert np.array_equal(fitted.labels_, expected.labels_)
        assert same(answers(fitted, x), answers(expected, ROWS))


@every
def test_labels_are_those_of_a_run_and_never_come_from_y(model):
    model = made(model, image_shape=(1, 8, 8))
    *_, step = train(torch.from_numpy(IMAGES), 2, model._config(), seed=0)
    labels = step.labels(torch.from_numpy(IMAGES)).numpy()
    y = np.random.default_rng(0).integers(0, 2, 60)
    for x, truth in ((ROWS, None), (IMAGES, y), (ROWS, y[::-1])):
        assert np.array_equal(made(model).fit(x, truth).labels_, labels)


def test_random_states_are_scikit_learns():
    states = [7, np.int64(7), np.random.RandomState(7), np.random.RandomState(7)]
    seven, also, drawn, again = (made(ALL["PCX"], random_state=one).fit(ROWS) for one in states)
    assert same(answers(seven, ROWS), answers(also, ROWS))
    assert same(answers(drawn, ROWS), answers(again, ROWS))
    assert not np.array_equal(seven.transform(ROWS), drawn.transform(ROWS))
    free = [made(ALL["PCX"], random_state=None).fit(ROWS).transform(ROWS) for _ in range(2)]
    assert not np.array_equal(*free)


def test_images_and_the_networks_for_them():
    conv = made(ALL["PCX"], network="conv", epochs=1).fit(IMAGES)
    assert conv.n_features_in_ == 64
    assert conv.transform(IMAGES[:3]).shape == (3, 2)
    with pytest.raises(InputError, match=r"shape \(64,\), fitted were.*\(1, 8, 8\); reshape them"):
        conv.predict(ROWS)
    rows = made(ALL["PCX"], network="conv", epochs=1, image_shape=(1, 8, 8)).fit(ROWS)
    assert np.array_equal(rows.labels_, conv.labels_)
    assert np.array_equal(rows.predict(IMAGES), rows.labels_)


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        (np.zeros((0, 4)), InputError, r"0 sample\(s\)"),
        (np.zeros((9, 0)), InputError, r"0 feature\(s\)"),
        (np.zeros(9), InputError, "Expected 2D array, got 1D array"),
        (np.full((9, 4), np.nan), InputError, "finite, but 9 of 9 samples hold NaN or infinity"),
        (np.full((9, 4), 1e300), InputError, "beyond float32's range"),
        (np.full((9, 4), "a"), InputError, "arrays of bytes/strings"),
        (np.full((9, 4), 1j), InputError, "Complex data not supported"),
        ([[1.0, 2.0], [3.0]], InputError, "inhomogeneous shape"),
        (None, InputError, "got scalar array|None"),
    ],
)
def test_data_that_do_not_fit_are_named(x, error, said):
    with pytest.raises(error, match=said):
        made(ALL["PCX"]).fit(x)


def test_a_fitted_estimator_asks_for_the_same_features():
    model = made(ALL["PCX"])
    with pytest.raises(NotFittedError):
        model.predict(ROWS)
    frame = pd.DataFrame(ROWS).add_prefix("pixel")
    model.fit(frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(InputError, match="feature names should match"):
        model.predict(frame[frame.columns[::-1]])
    with pytest.raises(InputError, match="X has 9 features, but PCX is expecting 64"):
        model.fit(ROWS).predict(np.zeros((3, 9)))
    model.fit(frame)
    model.fit(IMAGES)
    assert not hasattr(model, "feature_names_in_")


def test_in_a_pipeline():
    model = made(ALL["IDEC"])
    chain = make_pipeline(StandardScaler(), model).set_output(transform="pandas")
    frame = chain.fit_transform(pd.DataFrame(ROWS))
    assert list(frame.columns) == list(chain.get_feature_names_out()) == ["idec0", "idec1"]
    assert np.array_equal(chain.predict(pd.DataFrame(ROWS)), model.labels_)


def test_progress_is_shown_on_request_and_not_on_standard_output(capfd):
    made(ALL["IDEC"]).fit(ROWS)
    assert capfd.readouterr() == ("", "")
    made(ALL["IDEC"], verbose=True).fit(ROWS)
    out, err = capfd.readouterr()
    assert out == ""
    assert "IDEC pretraining" in err
    assert "5/5" in err
    assert "IDEC clustering" in err


# --- keeping ------------------------------------------------------------------------------------

KEPT = ALL | {
    "PCX conv, no CI": made(
        ALL["PCX"], network="conv", image_shape=(1, 8, 8), epochs=1, centroid_integration=False
    ),
    "ULHE relu": made(ALL["ULHE"], embedding="relu"),
    "DynAE conv": made(
        ALL["DynAE"], network="conv", image_shape=(1, 8, 8), pretraining_steps=1, steps=1
    ),
    "DCSS first": made(ALL["DCSS"], phases="first"),
    "DCSS conv": made(
        ALL["DCSS"],
        network="dcss-conv",
        image_shape=(1, 8, 8),
        pretraining_epochs=1,
        centring_epochs=1,
        pairing_epochs=1,
    ),
    "DCSS on IDEC": DCSS(
        2, start=idec.Config(start=acai.Config(steps=2), steps=2), phases="second", pairing_epochs=1
    ),
    "SeCu resnet": made(
        ALL["SeCu"], network="resnet", features=8, image_shape=(1, 8, 8), epochs=4, heads=2
    ),
    "VaDE bernoulli": made(ALL["VaDE"], likelihood="bernoulli"),
}
kept = pytest.mark.parametrize("model", KEPT.values(), ids=KEPT.keys())


@kept
def test_loading_gives_what_was_saved_to_the_last_bit(model, tmp_path):
    model = made(model, n_clusters=np.int64(3)).fit(pd.DataFrame(ROWS).add_prefix("pixel"))
    new = pd.DataFrame(np.random.default_rng(0).random((11, 64))).add_prefix("pixel")
    model.save(tmp_path / "model")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    loaded = type(model).load(tmp_path / "model")
    assert torch.equal(torch.rand(2), expected)
    assert same(answers(loaded, new), answers(model, new))
    assert loaded.get_params() == model.get_params()
    for name in ("labels_", "cluster_centers_", "feature_names_in_", "get_feature_names_out"):
        one, two = getattr(loaded, name), getattr(model, name)
        assert np.array_equal(one() if callable(one) else one, two() if callable(two) else two)
    for name in ("history_", "n_iter_", "n_features_in_"):
        assert getattr(loaded, name) == getattr(model, name)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    again = clone(loaded).fit(pd.DataFrame(ROWS).add_prefix("pixel"))
    if model.random_state is not None:
        assert same(answers(again, new), answers(model, new))


@kept
def test_copies_keep_the_fit_even_if_parameters_have_changed_since(model, tmp_path):
    model = made(model).fit(ROWS)
    expected = answers(model, ROWS)
    model.set_params(embedding_size=5, n_clusters=9)
    model.save(tmp_path / "model")
    for other in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        type(model).load(tmp_path / "model"),
    ):
        assert same(answers(other, ROWS), expected)
        assert other.n_clusters == 9


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model"
    made(ALL["PCX"]).fit(ROWS).save(path)
    return path


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def resave(path, **header):
    _, tensors = saving.read(path)
    save_file(tensors, path, {"recluster": "{}", "format": "1", "sha256": "0"} | header)


def rename_weight(path):
    about, tensors = saving.read(path)
    tensors["model.another"] = tensors.pop("model.centroids")
    saving.write(path, about | {"version": "0.0.7"}, tensors)


def rename_parameter(path):
    about, tensors = saving.read(path)
    about["parameters"]["gone"] = 1
    saving.write(path, about | {"version": "0.0.7"}, tensors)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "cannot read"),
        (lambda path: path.write_text("not tensors"), "cannot read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), "cannot read"),
        (lambda path: path.write_bytes(b""), "cannot read"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot read"),
        (lambda path: torch.save({"a": 1}, path), "cannot read"),
        (lambda path: save_file({"x": torch.ones(2)}, path), "no estimator's save"),
        (flip, "is damaged"),
        (resave, "is damaged"),
        (lambda path: resave(path, format="2"), "has format 2, and this version.*reads format 1"),
        (rename_weight, "from version 0.0.7 of recluster, whose PCX is not that of this version"),
        (rename_parameter, "from version 0.0.7 of recluster"),
    ],
)
def test_files_that_cannot_be_loaded_are_named(saved, harm, said):
    harm(saved)
    with pytest.raises(InputError, match=said):
        PCX.load(saved)


def test_a_file_says_whose_it_is(saved):
    with pytest.raises(InputError, match=r"holds PCX, not IDEC; take PCX\.load"):
        IDEC.load(saved)
    assert {"labels_", "cluster_centers_", "model.centroids"} <= load_file(saved).keys()


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(NotFittedError):
        made(ALL["PCX"]).save(tmp_path / "model")
    model = made(ALL["PCX"], random_state=np.random.RandomState(0)).fit(ROWS)
    with pytest.raises(InputError, match=r"RandomState.* cannot be saved"):
        model.save(tmp_path / "model")
    with pytest.raises(InputError, match="cannot write"):
        made(ALL["PCX"]).fit(ROWS).save(tmp_path / "nowhere" / "model")
    assert list(tmp_path.iterdir()) == []

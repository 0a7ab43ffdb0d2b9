"""The scikit-learn door."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from recluster import IDEC, PCX, AEKMeans, load_dataset
from recluster.methods import idec, kmeans, pcx
from recluster.parts import pretraining
from recluster.spec import InputError

AE = pretraining.Config(epochs=2)
TINY = {
    PCX: pcx.Config(epochs=2, burn_in=1),
    IDEC: idec.Config(start=AE, steps=4),
    AEKMeans: kmeans.Config(start=AE, restarts=1),
}
DATA = load_dataset("digits").x[:200]

estimators = pytest.mark.parametrize("kind", TINY)


def made(kind, **parameters):
    return kind(n_clusters=4, config=TINY[kind], random_state=0, device="cpu", **parameters)


@estimators
def test_fit_predict_transform(kind):
    model = made(kind)
    labels = model.fit_predict(DATA)
    assert labels.shape == (200,)
    assert set(labels) <= set(range(4))
    assert np.array_equal(labels, model.labels_)
    assert np.array_equal(model.predict(DATA[:7]), labels[:7])
    assert model.transform(DATA[:7]).shape == (7, 10)
    assert np.allclose(model.predict_proba(DATA[:7]).sum(1), 1)
    assert model.n_features_in_ == 64
    assert {"phase", "epoch"} <= set(model.history_[-1])


@estimators
def test_same_seed_same_labels_from_arrays_rows_and_tensors(kind):
    labels = made(kind).fit_predict(DATA)
    assert np.array_equal(labels, made(kind).fit_predict(torch.from_numpy(DATA)))
    assert np.array_equal(labels, made(kind).fit_predict(DATA.reshape(200, 64).astype(np.float64)))
    assert np.array_equal(labels, clone(made(kind)).fit_predict(DATA))


@estimators
def test_labels_are_never_read(kind):
    y = np.random.default_rng(0).integers(0, 4, 200)
    assert np.array_equal(made(kind).fit(DATA, y).labels_, made(kind).fit(DATA).labels_)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((0, 4)), "n samples of one or more features"),
        (np.zeros(9), "n samples of one or more features"),
        (np.full((9, 4), np.nan), "must be finite"),
        (np.full((9, 4), np.inf), "must be finite"),
        (np.full((9, 4), "a"), "numbers"),
        (np.zeros((3, 4)), "k must lie between 2 and the number of samples, 3; got 4"),
    ],
)
def test_bad_input_is_named(x, said):
    with pytest.raises(InputError, match=said):
        made(PCX).fit(x)


def test_other_mistakes_are_named():
    with pytest.raises(NotFittedError):
        made(PCX).predict(DATA)
    with pytest.raises(InputError, match=r"takes a recluster\.methods\.pcx\.Config"):
        PCX(n_clusters=4, config=AE).fit(DATA)
    with pytest.raises(InputError, match="fitted were"):
        made(PCX).fit(DATA).predict(np.zeros((3, 9), np.float32))
    with pytest.raises(InputError, match="between 2"):
        PCX(n_clusters=1, config=TINY[PCX]).fit(DATA)

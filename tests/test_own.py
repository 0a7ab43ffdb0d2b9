"""Own data, end to end: every reader, every refusal, every warning, and what is written."""

import csv
import errno
import os
import pickle
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from recluster import cli, own
from recluster.data.reading import Samples, encoded, read
from recluster.methods import METHODS, dcss, idec, kmeans, pcx, secu
from recluster.own import Fitted, Request, cluster, cluster_cautions, configured, data_cautions, verdict
from recluster.parts import acai, centring, pretraining
from recluster.report.own import BETTER, EVEN, MIXED, WORSE, headline, page, summary
from recluster.spec import InputError

SHORT_IDEC = ("start.epochs=1", "steps=2")
VOID = {"img", "meta", "polyline"}


def blobs(n: int = 60, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds in turn, far apart, and which is which."""
    y = np.arange(n) % 3
    noise = np.random.default_rng(0).normal(size=(n, d))
    return (10 * np.eye(3, d)[y] + noise).astype(np.float32), y


X, Y = blobs()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    np.save(tmp_path / "rows.npy", X)
    return tmp_path / "rows.npy"


def request(data: Path, **changes: object) -> Request:
    plain = Request(data=data, k=3, method="kmeans", output=data.parent / "out.csv")
    return replace(plain, **changes)


def pictures(folder: Path, mode: str = "L", n: int = 12, size: tuple[int, int] = (6, 5)) -> Path:
    """Images in one folder a class: bright on the left, or on the right."""
    for number in range(n):
        pixels = np.random.default_rng(number).integers(0, 60, (size[1], size[0]), dtype=np.uint8)
        pixels[:, :3] += 180 * (number % 2)
        path = folder / ("right", "left")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).convert(mode).save(path)
    return folder


# --- readers --------------------------------------------------------------------------------------


def test_rows_stay_as_they_are(rows):
    got = read(rows)
    assert got.x.dtype == np.float32
    assert np.array_equal(got.x, X)
    assert got.features == ("column 0", "column 1", "column 2", "column 3")
    assert (got.y, got.classes, got.notes) == (None, (), ())


def test_bytes_become_images_in_the_unit_interval(tmp_path):
    pixels = np.arange(4 * 3 * 5, dtype=np.uint8).reshape(4, 3, 5)
    np.save(tmp_path / "a.npy", pixels)
    got = read(tmp_path / "a.npy")
    assert got.images
    assert np.allclose(got.x, pixels[:, None] / 255)
    assert got.notes == ("Pixels were scaled from [0, 255] to [0, 1].",)


def test_channels_go_first_and_other_ranges_are_scaled(tmp_path):
    pixels = np.linspace(-2, 6, 2 * 4 * 5 * 3).reshape(2, 4, 5, 3)
    np.save(tmp_path / "a.npy", pixels)
    got = read(tmp_path / "a.npy")
    assert got.x.shape == (2, 3, 4, 5)
    assert np.allclose(got.x, (pixels.transpose(0, 3, 1, 2) + 2) / 8, atol=1e-6)
    assert any("channels" in note for note in got.notes)
    np.save(tmp_path / "b.npy", got.x)
    again = read(tmp_path / "b.npy")
    assert np.array_equal(again.x, got.x)
    assert again.notes == ()


def test_npz_by_the_only_array_by_choice_and_with_labels(tmp_path):
    np.savez(tmp_path / "one.npz", x=X)
    np.savez(tmp_path / "two.npz", x=X, y=Y, other=X + 1)
    np.savez(tmp_path / "pair.npz", x=X, y=np.array(["a", "b", "c"])[Y])
    assert np.array_equal(read(tmp_path / "one.npz").x, X)
    assert np.array_equal(read(tmp_path / "two.npz", array="other").x, X + 1)
    pair = read(tmp_path / "pair.npz", labels="y")
    assert np.array_equal(pair.y, Y)
    assert pair.classes == ("a", "b", "c")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_with_names_a_class_column_and_one_to_drop(tmp_path, suffix):
    frame = pd.DataFrame(X.astype(np.float64), columns=list("abcd"))
    frame = frame.assign(kind=np.array(["u", "v", "w"])[Y], note="text", odd=Y % 2 == 0)
    path = tmp_path / f"t{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    got = read(path, labels="kind", drop=["note"])
    assert got.features == ("a", "b", "c", "d", "odd")
    assert np.allclose(got.x[:, :4], X)
    assert np.array_equal(got.x[:, 4], Y % 2 == 0)
    assert np.array_equal(got.y, Y)


def test_a_first_line_of_numbers_is_data_unless_it_counts(tmp_path):
    (tmp_path / "data.csv").write_text("1.5,2\n3,4\n")
    (tmp_path / "counted.csv").write_text("0,1\n3,4\n5,6\n")
    bare = read(tmp_path / "data.csv")
    assert bare.x.tolist() == [[1.5, 2], [3, 4]]
    assert "first line" in bare.notes[0]
    assert read(tmp_path / "counted.csv").x.tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)])
def test_a_folder_of_images_and_its_folders_as_classes(tmp_path, mode, channels):
    folder = pictures(tmp_path / "pics", mode)
    (folder / "readme.txt").write_text("not an image")
    (folder / ".hidden.png").write_text("nor this")
    got = read(folder, labels="folders")
    assert got.x.shape == (12, channels, 5, 6)
    assert got.x.min() >= 0
    assert 0.7 < got.x.max() <= 1
    assert got.classes == ("left", "right")
    assert got.files[0] == str(Path("left") / "01.png")
    assert np.array_equal(got.y, np.repeat([0, 1], 6))
    assert (got.x[:, :, :, :3].mean((1, 2, 3)) > 0.5).tolist() == [True] * 6 + [False] * 6
    assert any("1 files that are no images" in note for note in got.notes)
    assert read(folder).y is None


def test_a_photograph_is_read_as_the_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, 8:] = 255
    for name in "ab":
        Image.fromarray(pixels).save(tmp_path / f"{name}.jpg", exif=exif, quality=95)
    got = read(tmp_path)
    assert got.x.shape == (2, 1, 16, 8)
    assert got.x[0, 0, :8].mean() < 0.1
    assert got.x[0, 0, 8:].mean() > 0.9


@pytest.mark.parametrize("name", ["y.npy", "y.csv", "y.parquet", "y.txt"])
def test_labels_from_a_file_of_their_own(rows, name):
    path, words = rows.parent / name, np.array(["cat", "dog", "emu"])[Y]
    frame = pd.DataFrame({"animal": words})
    {
        ".npy": lambda: np.save(path, words),
        ".csv": lambda: frame.to_csv(path, index=False),
        ".parquet": lambda: frame.to_parquet(path),
        ".txt": lambda: path.write_text("\n".join(words) + "\n"),
    }[path.suffix]()
    got = read(rows, labels=str(path))
    assert np.array_equal(got.y, Y)
    assert got.classes == ("cat", "dog", "emu")


def test_numbers_as_classes_keep_their_order():
    y, names = encoded(np.array([10.0, 2.0, 10.0, 2.0]), 4, "y")
    assert y.tolist() == [1, 0, 1, 0]
    assert names == ("2", "10")


# --- refusals -------------------------------------------------------------------------------------


def _unknown(folder):
    (folder / "a.xlsx").write_text("x")
    return folder / "a.xlsx"


def _saved(folder, array, **options):
    np.save(folder / "a.npy", array, **options)
    return folder / "a.npy"


def _text(folder, name, text):
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def _cut(folder):
    path = _saved(folder, X)
    path.write_bytes(path.read_bytes()[:200])
    return path


def _cut_npz(folder):
    np.savez_compressed(folder / "a.npz", x=X)
    content = bytearray((folder / "a.npz").read_bytes())
    content[60:400] = bytes(340)
    return _text(folder, "a.npz", bytes(content))


def _several(folder):
    np.savez(folder / "a.npz", x=X, z=X)
    return folder / "a.npz"


def _folder(folder, *more):
    pictures(folder / "pics")
    for name, size in more:
        Image.new("L", size).save(folder / "pics" / name)
    return folder / "pics"


def _broken_image(folder):
    path = pictures(folder / "pics") / "left" / "01.png"
    path.write_bytes(path.read_bytes()[:60])
    return folder / "pics"


def _deep(folder):
    (folder / "pics").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "pics" / "a.png")
    return folder / "pics"


def _empty(folder):
    (folder / "none").mkdir()
    return folder / "none"


HOLES = np.where(np.arange(X.size).reshape(X.shape) == 13, np.nan, X)
UNREADABLE = {
    "absent": (lambda f: f / "nowhere.npy", "there is no file or folder"),
    "suffix": (_unknown, "data must be .npy, .npz, .csv, .parquet, or a folder of images"),
    "no npy": (lambda f: _text(f, "a.npy", "hello"), "is no .npy file"),
    "cut npy": (_cut, "damaged or incomplete"),
    "objects": (lambda f: _saved(f, np.array([{}, 1], object), allow_pickle=True), "pickled Python"),
    "words": (lambda f: _saved(f, np.array([["a"]])), "must be real numbers"),
    "complex": (lambda f: _saved(f, X + 1j), "must be real numbers"),
    "one axis": (lambda f: _saved(f, X[:, 0]), "has the shape (60,)"),
    "empty": (lambda f: _saved(f, X[:0]), "has the shape (0, 4)"),
    "NaN": (lambda f: _saved(f, HOLES), "1 of 60 samples in a.npy hold NaN, infinity or nothing"),
    "too large": (lambda f: _saved(f, X.astype(np.float64) * 1e60), "must be finite"),
    "no npz": (lambda f: _text(f, "a.npz", "hello"), "is no .npz file"),
    "cut npz": (_cut_npz, "a.npz"),
    "several": (_several, "holds x, z; choose one with --array NAME"),
    "text": (lambda f: _text(f, "a.csv", "a,b\n1,x\n2,y\n"), "1 of the 2 in a.csv are not: b"),
    "semicolons": (lambda f: _text(f, "a.csv", "a;b\n1;2\n"), "write commas between the columns"),
    "gap": (lambda f: _text(f, "a.csv", "a,b\n1,2\n3,\n"), "(the first: row 1, 'b')"),
    "no lines": (lambda f: _text(f, "a.csv", ""), "cannot be read as .csv"),
    "ragged csv": (lambda f: _text(f, "a.csv", "a,b\n1,2\n1,2,3\n"), "cannot be read as .csv"),
    "wide csv": (lambda f: _text(f, "a.csv", "a,b\n1,2,3\n4,5,6\n"), "cannot be read as .csv"),
    "binary csv": (lambda f: _text(f, "a.csv", b"\xff\xfe\x00\x01\n\xff"), "a.csv"),
    "no parquet": (lambda f: _text(f, "a.parquet", "hello"), "cannot be read as .parquet"),
    "empty folder": (_empty, "holds no image"),
    "ragged images": (lambda f: _folder(f, ("b.png", (9, 9))), "6 x 5 (12), 9 x 9 (1)"),
    "broken image": (_broken_image, "is damaged or none"),
    "deep image": (_deep, "8 bits a channel"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_refused(tmp_path, what):
    make, said = UNREADABLE[what]
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        read(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_pickles_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    (tmp_path / "a.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=r"is no \.npy file"):
        read(tmp_path / "a.npy")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(59) % 3, "must be one a sample, 60"),
        (np.where(np.arange(60) == 5, np.nan, Y), "1 of 60"),
        (np.arange(60), "a class of its own for every sample"),
        (np.zeros(60, int), "a single class"),
    ],
)
def test_labels_that_are_no_classes(rows, labels, said):
    np.save(rows.parent / "y.npy", labels)
    with pytest.raises(InputError, match=said):
        read(rows, labels=str(rows.parent / "y.npy"))


def test_labels_that_are_not_there(rows, tmp_path):
    with pytest.raises(InputError, match="'y' is not there"):
        read(rows, labels="y")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(InputError, match=r"one of t.csv \(a, b\); 'y' is not there"):
        read(tmp_path / "t.csv", labels="y")
    with pytest.raises(InputError, match=r"one column, .* has 2"):
        read(rows, labels=str(tmp_path / "t.csv"))
    with pytest.raises(InputError, match=r"write \.npy, \.csv"):
        read(rows, labels=str(_unknown(tmp_path)))
    loose = _folder(tmp_path, ("a.png", (6, 5)))
    with pytest.raises(InputError, match="1 lie in"):
        read(loose, labels="folders")


def test_options_that_do_not_belong(rows, tmp_path):
    with pytest.raises(InputError, match=r"only an \.npz"):
        read(rows, array="x")
    with pytest.raises(InputError, match="columns to drop"):
        read(rows, drop=["x"])
    with pytest.raises(InputError, match="unknown array"):
        read(_several(tmp_path), array="y")
    with pytest.raises(InputError, match="unknown column"):
        read(_text(tmp_path, "a.csv", "a,b\n1,2\n"), drop=["c"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"k": None}, "the number of clusters is needed"),
        ({"k": 1}, "k must lie between 2 and the number of samples, 60"),
        ({"k": 61}, "k must lie between 2 and the number of samples, 60"),
        ({"method": None}, "a method is needed"),
        ({"method": "kmeens"}, "unknown method 'kmeens'"),
        ({"method": "ae"}, r"makes no clusters; take a method that starts from it: .*idec"),
        ({"method": "acai"}, r"starts from it: .*dynae"),
        ({"method": "secu"}, "secu makes random views of images"),
        ({"method": "pcx", "settings": ("network=conv",)}, "--set network=mlp"),
        ({"method": "idec", "settings": ("start.network=conv",)}, r"--set start\.network=mlp"),
        ({"seed": -1}, "a seed must be 0 or more"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"output": Path("/nowhere/at/all.csv")}, "in a folder that is there"),
        ({"settings": ("epochs",)}, "a setting is name=value"),
    ],
)
def test_requests_that_cannot_be(rows, changes, said):
    with pytest.raises(InputError, match=said):
        cluster(request(rows, **changes))
    assert [path.name for path in rows.parent.iterdir()] == ["rows.npy"]


def test_files_are_not_overwritten_unasked(rows):
    out = rows.parent / "out.csv"
    out.write_text("mine")
    with pytest.raises(InputError, match="already there"):
        cluster(request(rows))
    assert out.read_text() == "mine"
    cluster(request(rows, force=True))
    assert out.read_text().startswith("row,cluster\n0,")
    with pytest.raises(InputError, match="files of their own"):
        cluster(request(rows, report=out, force=True))
    with pytest.raises(InputError, match="never overwritten"):
        cluster(request(rows, output=rows, force=True))


def test_k_beyond_the_different_samples(tmp_path):
    path = _saved(tmp_path, np.repeat(X[:2], 5, axis=0))
    with pytest.raises(InputError, match="number of different samples, 2; got 3"):
        cluster(request(path))


def test_standardising_is_for_rows(tmp_path):
    path = pictures(tmp_path / "pics")
    with pytest.raises(InputError, match="is for rows"):
        cluster(request(path, standardise=True))


def test_divergence_says_what_to_do(rows, monkeypatch):
    def diverging(*_):
        raise FloatingPointError("idec: clustering not finite in epoch 3")
        yield

    monkeypatch.setattr(own, "train", diverging)
    with pytest.raises(InputError, match=r"training diverged: .* \(--standardise"):
        cluster(request(rows))


# --- settings -------------------------------------------------------------------------------------


def test_settings_reach_the_config_and_its_start():
    ae = pretraining.Config(epochs=20)
    given = ["steps=50", "start.epochs=20", "learning_rate=1e-2"]
    assert configured("idec", given) == idec.Config(steps=50, learning_rate=0.01, start=ae)
    assert configured("kmeans", ["start=ae", "start.epochs=20"]) == kmeans.Config(start=ae)
    assert configured("idec", ["start=acai"]).start == acai.Config()
    assert configured("secu", ["upper_ratio=none", "self_labelling=true"]) == secu.Config(
        self_labelling=True
    )
    assert configured("pcx", ["centroid_update=fixed"]) == pcx.Config(centroid_update="fixed")
    assert configured("dcss", ["start.epochs=7", "start.start.network=conv"]) == dcss.Config(
        start=centring.Config(start=pretraining.Config(network="conv"), epochs=7)
    )


@pytest.mark.parametrize(
    ("method", "setting", "said"),
    [
        ("idec", "epoch=5", r"unknown setting of idec 'epoch'; .*steps.*start\.epochs"),
        ("idec", "start.epoch=5", "unknown setting of ae 'epoch'"),
        ("idec", "steps=many", "idec: steps must be a whole number, got 'many'"),
        ("idec", "steps=-1", "steps must be a whole number, positive"),
        ("idec", "learning_rate=fast", "learning_rate must be a number"),
        ("idec", "learning_rate=nan", "learning_rate must be positive"),
        ("idec", "start=none", "idec starts from an autoencoder"),
        ("idec", "start=nothing", "unknown start 'nothing'"),
        ("kmeans", "start.epochs=5", "name a start: --set start=ae"),
        ("secu", "self_labelling=maybe", "choose one of: true, false"),
        ("pcx", "centroid_update=magic", "unknown centroid update 'magic'"),
    ],
)
def test_settings_that_are_none(method, setting, said):
    with pytest.raises(InputError, match=said):
        configured(method, [setting])


# --- warnings -------------------------------------------------------------------------------------


def kinds(x: np.ndarray, standardise: bool = False) -> list[str]:
    names = tuple(f"f{number}" for number in range(x.shape[1]))
    features = names if x.ndim == 2 else ()
    return [one.kind for one in data_cautions(Samples(x=x, features=features), standardise)]


def test_warnings_of_the_data():
    assert kinds(X) == []
    wide = X * np.array([1, 1, 1, 1000], np.float32)
    assert kinds(wide) == ["unscaled"]
    assert kinds(wide, standardise=True) == []
    assert kinds(np.column_stack([X, np.ones(60)]).astype(np.float32)) == ["constant"]
    assert kinds(np.column_stack([X, np.arange(60)]).astype(np.float32)) == ["row numbers"]
    assert kinds(np.concatenate([X, X[:10]])) == ["duplicates"]
    images = np.zeros((60, 1, 2, 3), np.float32)
    images[:, 0, 0, :] = X[:, :3] / 1000
    assert kinds(images) == []


def fitted(sizes: list[int], spread: float = 1.0) -> Fitted:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    embedding = 5 + spread * np.random.default_rng(0).normal(size=(len(labels), 2))
    return Fitted(
        labels=labels,
        probabilities=None,
        embedding=embedding.astype(np.float32),
        exemplars=None,
        curves={},
        seconds=0.0,
    )


@pytest.mark.parametrize(
    ("sizes", "spread", "expected"),
    [
        ([20, 20, 20], 1.0, []),
        ([45, 15], 1.0, []),
        ([50, 5, 5], 1.0, ["dominating"]),
        ([97, 2, 1], 1.0, ["collapse"]),
        ([30, 0, 30], 1.0, ["empty"]),
        ([60, 0, 0], 1.0, ["collapse", "empty"]),
        ([20, 20, 20], 0.0, ["collapse"]),
    ],
)
def test_warnings_of_the_clusters(sizes, spread, expected):
    found = cluster_cautions(fitted(sizes, spread), len(sizes))
    assert [one.kind for one in found] == expected


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ((0.9, 0.8, 0.7), BETTER),
        ((0.5, 0.5, 0.5), WORSE),
        ((0.705, 0.6, 0.6), EVEN),
        ((0.9, 0.1, 0.6), MIXED),
    ],
)
def test_verdict_by_three_scores(ours, expected):
    theirs = {"ACC": 0.7, "NMI": 0.6, "ARI": 0.6, "silhouette": 0.9}
    scores = {**dict(zip(("ACC", "NMI", "ARI"), ours, strict=True)), "silhouette": 0.1}
    assert verdict(scores, theirs) == expected


def test_verdict_by_silhouette_alone_and_by_nothing():
    assert verdict({"silhouette": 0.5}, {"silhouette": 0.3}) == BETTER
    assert verdict({"silhouette": None}, {"silhouette": 0.3}) is None


# --- what is written ------------------------------------------------------------------------------


class Parsed(HTMLParser):
    """The page's elements and text, and whether every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def soft(tmp_path_factory):
    """IDEC on rows whose names would break a careless page, with classes."""
    folder = tmp_path_factory.mktemp("soft")
    names = ["<script>alert(1)</script>", "a & b", 'c"d', "e"]
    frame = pd.DataFrame(X.astype(np.float64), columns=names)
    frame.assign(kind=np.array(["<i>u</i>", "v", "w"])[Y]).to_csv(folder / "t.csv", index=False)
    asked = request(folder / "t.csv", method="idec", labels="kind", settings=SHORT_IDEC)
    asked = replace(asked, report=folder / "out.html")
    return asked, cluster(asked)


def test_labels_file_of_a_soft_method(soft):
    asked, outcome = soft
    lines = list(csv.DictReader(asked.output.read_text().splitlines()))
    assert list(lines[0]) == ["row", "cluster", "probability"]
    assert [int(line["row"]) for line in lines] == list(range(60))
    assert [int(line["cluster"]) for line in lines] == outcome.labels.tolist()
    assert all(1 / 3 <= float(line["probability"]) < 1 for line in lines)


def test_the_page_is_whole_and_asks_for_nothing(soft):
    asked, outcome = soft
    text = asked.report.read_text()
    parsed = Parsed(text)
    assert parsed.open == []
    links = [value or "" for name, value in parsed.attributes if name in ("src", "href", "srcset")]
    assert all(link.startswith("data:") for link in links)
    assert not re.search(r"https?:|url\(|@import|<script", text)
    assert headline(outcome) in parsed.text
    for heading in ("Beside k-means", "Cluster sizes", "Map of the embedding", "Training"):
        assert heading in parsed.text
    assert "<script>alert(1)</script>" in parsed.text  # as text, and not as an element
    assert "reconstruction pretraining" in parsed.text
    assert "start.epochs 1" in parsed.text
    assert f"idec {outcome.comparison.ours['ACC']:.3f}" in parsed.text


def test_the_page_of_images_shows_them(tmp_path):
    data = pictures(tmp_path / "pics", "RGB")
    asked = request(data, k=2, labels="folders", report=tmp_path / "out.html")
    outcome = cluster(asked)
    parsed = Parsed(asked.report.read_text())
    images = [value for name, value in parsed.attributes if name == "src"]
    assert len(images) == 2 + 2 * 5  # a decoded centroid and five samples for each cluster
    assert (
        summary(outcome)
        == "2 clusters of 12 samples, by k-means itself: ACC 1.000, NMI 1.000, ARI 1.000."
    )
    assert list(csv.reader(asked.output.read_text().splitlines()))[:2] == [
        ["row", "cluster", "file"],
        ["0", str(outcome.labels[0]), str(Path("left") / "01.png")],
    ]
    nearest = Parsed(page(replace(outcome, exemplars=None)))
    assert len([name for name, _ in nearest.attributes if name == "src"]) == 2 * 5


def test_without_classes_the_comparison_is_by_silhouette(rows):
    outcome = cluster(request(rows, method="shallow", settings=("restarts=1",)))
    assert list(outcome.comparison.ours) == ["silhouette"]
    assert outcome.comparison.agreement == 1
    assert "as compact as k-means" in summary(outcome)
    assert "Without classes nobody can say which is better" in summary(outcome)
    assert "by class" not in page(outcome)


def test_a_collapsed_or_large_result_has_a_page_too(soft):
    _, outcome = soft
    flat = replace(
        outcome,
        labels=np.zeros(60, np.int64),
        embedding=np.ones((60, 3), np.float32),
        comparison=replace(outcome.comparison, verdict=None),
    )
    assert Parsed(page(flat)).open == []
    assert "nothing to draw" in page(flat)
    assert headline(flat).startswith("1 cluster of 60 samples (2 more are empty); no score")
    large = np.random.default_rng(0).normal(size=(5100, 1))
    many = replace(
        outcome,
        k=50,
        labels=np.arange(5100) % 50,
        embedding=large,
        samples=Samples(x=large.astype(np.float32), features=("a",)),
    )
    text = page(many)
    assert Parsed(text).open == []
    assert "by PCA. 5,000 samples, drawn at random" in text


def test_standardised_features_are_said_to_be(tmp_path):
    path = _saved(tmp_path, X * np.array([1, 1, 1, 1000], np.float32))
    plain = cluster(request(path))
    scaled = cluster(request(path, standardise=True, force=True))
    assert [one.kind for one in plain.cautions] == ["unscaled"]
    assert np.array_equal(plain.embedding, np.load(path))
    assert scaled.cautions == ()
    assert np.allclose(scaled.embedding.mean(0), 0, atol=1e-5)
    assert np.allclose(scaled.embedding.std(0), 1, atol=1e-4)
    assert np.array_equal(scaled.samples.x, np.load(path))  # the page shows the values as they were
    assert "standardised" in page(scaled)


@pytest.mark.parametrize("method", own.CLUSTERING)
def test_every_method_goes_through(method):
    images = np.random.default_rng(0).random((40, 1, 8, 8), np.float32)
    got = own.trained(torch.from_numpy(images), 3, METHODS[method].config().shortened(), 0)
    assert got.labels.shape == (40,)
    assert set(got.labels) <= {0, 1, 2}
    assert got.embedding.shape[0] == 40
    assert got.embedding.ndim == 2
    assert got.exemplars is None or got.exemplars.shape == (3, 1, 8, 8)
    assert "clustering" in got.curves


@pytest.mark.parametrize(("method", "settings"), [("kmeans", ()), ("idec", SHORT_IDEC)])
def test_labels_cannot_influence_training(rows, method, settings):
    np.save(rows.parent / "y.npy", Y)
    asked = request(rows, method=method, settings=settings)
    without = cluster(asked)
    content = asked.output.read_bytes()
    scored = cluster(replace(asked, labels=str(rows.parent / "y.npy"), force=True))
    assert asked.output.read_bytes() == content
    assert np.array_equal(scored.embedding, without.embedding)
    assert scored.samples.y is not None
    cluster(replace(asked, seed=1, force=True))
    assert asked.output.read_bytes() != content


def test_a_write_that_fails_leaves_nothing_half(rows, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    (rows.parent / "out.html").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"out\.csv cannot be written \(No space left on device\)"):
            cluster(request(rows, report=rows.parent / "out.html", force=True))
    assert sorted(path.name for path in rows.parent.iterdir()) == ["out.html", "rows.npy"]
    assert (rows.parent / "out.html").read_text() == "old"


# --- the command line -----------------------------------------------------------------------------


def called(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["recluster", "fit", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, *capsys.readouterr()


def test_the_command_writes_what_it_says(rows, monkeypatch, capsys):
    out, report = rows.parent / "o.csv", rows.parent / "o.html"
    np.save(rows, np.concatenate([X, X[:10]]))
    arguments = (rows, "-k", 3, "--method", "kmeans", "-o", out, "--report", report)
    code, said, err = called(monkeypatch, capsys, *arguments)
    assert code == 0
    assert said.splitlines()[0].startswith("3 clusters of 70 samples, by k-means itself: silhouette 0.")
    assert f"wrote {out}" in said
    assert f"wrote {report}" in said
    assert err.startswith("warning: Many duplicates. 10 of 70 samples")
    assert len(out.read_text().splitlines()) == 71
    again = re.search(r"<code>(recluster fit .*?)</code>", report.read_text()).group(1)
    code, *_ = called(monkeypatch, capsys, *again.split()[2:], "--force")
    assert code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "kmeans"), "the number of clusters is needed"),
        (("-k", 3), "a method is needed"),
        (("-k", 3, "--method", "kmeans", "--set", "restart=2"), "unknown setting of kmeans 'restart'"),
        (("-k", 99, "--method", "kmeans"), "k must lie between 2"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(rows, monkeypatch, capsys, options, said):
    code, out, err = called(monkeypatch, capsys, rows, "-o", rows.parent / "o.csv", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_from_a_file_and_fits_a_phone(soft, scheme, browser):
    asked, _ = soft
    view = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    heard: list[str] = []
    view.on("console", lambda message: heard.append(message.text))
    view.on("request", lambda one: heard.append(one.url) if one.url[:4] == "http" else None)
    view.goto(asked.report.as_uri())
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    paper = view.evaluate("getComputedStyle(document.body).backgroundColor")
    view.close()
    assert heard == []
    brightness = sum(map(int, re.findall(r"\d+", paper)[:3]))
    assert (brightness < 200) == (scheme == "dark")

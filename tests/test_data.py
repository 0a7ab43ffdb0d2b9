from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from recluster.data import (
    DATASETS,
    content_checksum,
    fetch,
    files,
    formats,
    load_dataset,
    summary,
    verify,
)
from recluster.spec import InputError

CUT = "MNIST/raw/t10k-images-idx3-ubyte"  # the file that the tests below damage


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def libsvm_bytes(images: np.ndarray, digits: np.ndarray, number: str = "{:.3g}") -> bytes:
    rows = (
        f"{digit + 1} "
        + " ".join(f"{place}:{number.format(value)}" for place, value in enumerate(image, 1))
        for image, digit in zip(images.reshape(len(images), -1), digits, strict=True)
    )
    return bz2.compress("\n".join(rows).encode())


def archive_bytes(n: int) -> bytes:
    """n JPEG images of 32 x 32, by turns of two classes, one red, one blue; the last two for testing."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for number in range(n):
            image = io.BytesIO()
            Image.new("RGB", (32, 32), ("red", "blue")[number % 2]).save(image, "JPEG")
            part = "train" if number < n - 2 else "test"
            entry = tarfile.TarInfo(f"{part}/{('ape', 'bee')[number % 2]}/{number}.jpg")
            entry.size = len(image.getvalue())
            image.seek(0)
            archive.addfile(entry, image)
    return buffer.getvalue()


def cifar_bytes(n: int, labels: int) -> bytes:
    """CIFAR's archive of n samples a file: their number, once a label, then pixels of that value."""
    names = ["data_batch_1", "data_batch_2", "test_batch"] if labels == 1 else ["train", "test"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for first, name in enumerate(["readme.html", *(f"{name}.bin" for name in reversed(names))]):
            value = bytes(b for i in range(n) for b in [10 * first + i] * (labels + 3072))
            entry = tarfile.TarInfo(f"cifar-binary/{name}")
            entry.size = len(value)
            archive.addfile(entry, io.BytesIO(value))
    return buffer.getvalue()


def har_bytes(n: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, value in (("train", -0.5), ("test", 1.0)):
            rows = "\n".join("  " + "  ".join([f"{value:.7e}"] * 561) for _ in range(n))
            archive.writestr(f"UCI HAR Dataset/{part}/X_{part}.txt", rows)
            archive.writestr(f"UCI HAR Dataset/{part}/y_{part}.txt", "\n".join(["6", "1"] * (n // 2)))
    return buffer.getvalue()


def vectors_bytes(first: int, n: int) -> bytes:
    """n stories of RCV1 from number `first` on; story s has the words 1 to s, and word 2500."""
    rows = (
        f"{story}  " + " ".join(f"{word}:0.5" for word in [*range(1, story + 1), 2500])
        for story in range(first, first + n)
    )
    return gzip.compress("\n".join(rows).encode())


TOPICS = {1: ["CCAT", "C15"], 2: ["MCAT"], 3: ["ECAT", "GCAT"], 4: ["GCAT"], 5: ["C15"], 6: ["CCAT"]}


def topics_bytes() -> bytes:
    lines = [f"{topic} {story} 1" for story, topics in TOPICS.items() for topic in topics]
    return gzip.compress("\n".join(lines).encode())


def smoothed(images: np.ndarray) -> np.ndarray:
    """As LIBSVM has them, (n, 16, 16): a Gaussian of 0.75 pixels cut at 3, on a -1 background."""
    return gaussian_filter(
        images, 0.75, mode="constant", cval=-1, truncate=4, axes=(1, 2), output=np.float64
    )


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """A small file for every real one: name to bytes."""
    random = np.random.default_rng(0)
    made = {}
    for name in files.CHECKSUMS:
        n = 7 if "train" in name or name.endswith("usps.bz2") else 4
        if name.startswith("CIFAR"):
            made[name] = cifar_bytes(3, 1 if "10-b" in name else 2)
        elif name.startswith("HAR"):
            made[name] = har_bytes(4)
        elif name.startswith("RCV1"):
            places = {"train": 1, "pt0": 3, "pt1": 4, "pt2": 5, "pt3": 6}
            first = next((at for part, at in places.items() if part in name), None)
            made[name] = topics_bytes() if first is None else vectors_bytes(first, 1 + (first == 1))
        elif name.startswith("stl10"):
            size, top = (96 * 96 * 3, 256) if name.endswith("X.bin") else (1, 11)
            made[name] = random.integers(1, top, n * size).astype(np.uint8).tobytes()
        elif "images" in name:
            made[name] = idx_bytes(random.integers(0, 256, (n, 28, 28)))
        elif name.endswith(".tar.xz"):
            made[name] = archive_bytes(6)
        elif "labels" in name:
            made[name] = idx_bytes(random.integers(0, 10, n))
        else:
            values = random.integers(-1000, 1001, (n, 16, 16)) / 1000
            made[name] = libsvm_bytes(values, random.integers(0, 10, n))
    return made


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No test has a network; to all but those on real files, the small files are the right ones."""

    def offline(collection: str, into: Path) -> None:
        raise URLError("no network")

    monkeypatch.setattr(files, "download", offline)
    if "data_root" not in request.fixturenames:
        monkeypatch.delenv("RECLUSTER_DATA", raising=False)
        sums = {
            name: (f"sha256:{hashlib.sha256(made).hexdigest()}",)
            for name, made in request.getfixturevalue("content").items()
        }
        monkeypatch.setattr(files, "CHECKSUMS", sums)


@pytest.fixture
def root(tmp_path: Path, content: dict[str, bytes]) -> Path:
    """A data root with all the small files."""
    for name, made in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(made)
    return tmp_path


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]) -> list[str]:
    """Downloads that succeed; the collections fetched so far."""
    fetched: list[str] = []

    def download(collection: str, into: Path) -> None:
        fetched.append(collection)
        for name, made in content.items():
            if name.startswith(f"{collection}/"):
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                (into / name).write_bytes(made)

    monkeypatch.setattr(files, "download", download)
    return fetched


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


# --- digits -------------------------------------------------------------------------------------


def test_digits_need_neither_root_nor_network(monkeypatch):
    monkeypatch.setenv("RECLUSTER_DATA", "/nowhere")
    digits = load_dataset("digits")
    assert (digits.name, digits.k, digits.x.shape) == ("digits", 10, (1797, 1, 8, 8))
    assert (digits.x.dtype, digits.y.dtype) == (np.float32, np.int64)
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    assert np.bincount(digits.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.checksum.startswith("8308f2a13bd4")
    assert verify("digits") == fetch("digits") == []


@pytest.mark.parametrize("ask", [load_dataset, fetch, verify])
def test_an_unknown_name_is_told_the_known_ones(ask):
    with pytest.raises(InputError, match="unknown data set 'minst'; choose one of: digits, mnist,"):
        ask("minst")


# --- parsing ------------------------------------------------------------------------------------


def test_idx_gives_back_what_was_written():
    array = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(formats.idx(idx_bytes(array)), array)
    assert np.array_equal(formats.idx(idx_bytes(np.arange(300) % 256)), np.arange(300) % 256)


def test_mnist_is_the_training_part_then_the_test_part(root, content):
    mnist = load_dataset("mnist", root=root)
    assert mnist.x.shape == (11, 1, 28, 28)
    expected = formats.idx(content[CUT]).astype(np.float32) / 255
    assert np.array_equal(mnist.x[7:, 0], expected)
    assert np.array_equal(mnist.y[7:], formats.idx(content["MNIST/raw/t10k-labels-idx1-ubyte"]))
    test = load_dataset("mnist-test", root=root)
    assert np.array_equal(test.x, mnist.x[7:])
    assert np.array_equal(test.y, mnist.y[7:])


def test_2mnist_is_mnist_then_fashion_as_further_classes(root):
    mnist, fashion, both = (load_dataset(name, root=root) for name in ("mnist", "fashion", "2mnist"))
    assert both.k == 20
    assert np.array_equal(both.x, np.concatenate([mnist.x, fashion.x]))
    assert np.array_equal(both.y, np.concatenate([mnist.y, fashion.y + 10]))


def test_usps_is_scaled_to_the_unit_interval_with_labels_from_zero():
    values = np.full((3, 16, 16), -1.0)
    values[1, 0, :2] = 0, 0.5
    values[2] = 1
    x, y = formats.usps(libsvm_bytes(values, np.array([0, 9, 4])))
    assert (x.shape, x.dtype, y.dtype) == ((3, 1, 16, 16), np.float32, np.int64)
    assert y.tolist() == [0, 9, 4]
    assert (x[0] == 0).all()
    assert (x[2] == 1).all()
    assert x[1, 0, 0, :3].tolist() == [0.5, 0.75, 0]


def test_both_editions_of_usps_are_one_data_set():
    random = np.random.default_rng(1)
    values, digits = random.integers(-1000, 1001, (50, 16, 16)) / 1000, random.integers(0, 10, 50)
    values[:10] = -1
    values[10:20] = np.sign(values[10:20])  # the sharpest edges
    original = formats.usps(libsvm_bytes(values, digits))
    libsvm = formats.usps(libsvm_bytes(smoothed(values), digits, "{:.6f}"))
    assert content_checksum(*libsvm) == content_checksum(*original)


def test_the_archive_gives_images_by_class(root):
    data = load_dataset("cifar10-jpeg", root=root)
    assert data.x.shape == (6, 3, 32, 32)
    assert data.y.tolist() == [0, 1] * 3
    assert (data.x[0].argmax(0) == 0).all()
    assert (data.x[1].argmax(0) == 2).all()
    test = load_dataset("cifar10-jpeg-test", root=root)
    assert np.array_equal(test.x, data.x[4:])
    assert np.array_equal(test.y, data.y[4:])


def test_an_archive_that_nobody_publishes_is_asked_for(tmp_path, network):
    with pytest.raises(InputError, match=r"cifar10-jpeg.tar.xz is missing, and nobody publishes"):
        load_dataset("cifar10-jpeg", root=tmp_path)
    assert network == []
    assert listing(tmp_path) == []


def test_cifar_is_its_training_files_by_name_then_its_test_file():
    x, y = formats.cifar(cifar_bytes(3, 1))
    assert (x.shape, x.dtype, y.dtype) == ((9, 3, 32, 32), np.float32, np.int64)
    assert y.tolist() == [30, 31, 32, 20, 21, 22, 10, 11, 12]
    assert np.array_equal(x[:, 2, 31, 31], y.astype(np.float32) / 255)
    two = b"".join([bytes([3, 77]), bytes(1024), bytes([255]) * 1024, bytes(1024)])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("train", "test"):
            entry = tarfile.TarInfo(f"cifar-100-binary/{name}.bin")
            entry.size = len(two)
            archive.addfile(entry, io.BytesIO(two))
    x, y = formats.cifar(buffer.getvalue(), labels=2)
    assert y.tolist() == [3, 3]  # the superclass, not the class
    assert x.mean((2, 3)).tolist() == [[0, 1, 0]] * 2


def test_stl10_lies_by_columns_and_counts_from_one():
    columns = np.zeros((1, 3, 96, 96), np.uint8)
    columns[0, 1, 5, 90] = 255  # column 5, row 90
    x, y = formats.stl10(columns.tobytes(), bytes([10]), columns.tobytes(), bytes([1]))
    assert y.tolist() == [9, 0]
    assert np.argwhere(x).tolist() == [[0, 1, 90, 5], [1, 1, 90, 5]]


def test_har_is_the_training_part_then_the_test_part():
    x, y = formats.har(har_bytes(2))
    assert (x.shape, x.dtype) == ((4, 561), np.float32)
    assert x[:, 0].tolist() == [-0.5, -0.5, 1, 1]
    assert y.tolist() == [5, 0, 5, 0]


def test_reuters_takes_stories_of_one_root_topic_and_the_most_frequent_words():
    files_ = [vectors_bytes(1, 2), vectors_bytes(3, 4), topics_bytes()]
    x, y = formats.reuters(*files_, n=10, terms=3)
    assert y.tolist() == [0, 3, 2, 0]  # of the stories 1, 2, 4 and 6: 3 has two roots, 5 has none
    assert np.allclose(np.linalg.norm(x, axis=1), np.sqrt(3))
    assert (x > 0).tolist() == [  # the words 1 (in four stories), 2 (in three) and 2500 (in four)
        [True, False, True], [True, True, True], [True, True, True], [True, True, True],
    ]  # fmt: skip
    fewer = formats.reuters(*files_, n=2, terms=3)
    assert len(fewer[1]) == 2
    assert np.array_equal(fewer[0], formats.reuters(*files_, n=2, terms=3)[0])


def test_a_thinned_set_keeps_the_last_class_and_the_rate_of_the_first():
    whole, thinned = load_dataset("digits"), load_dataset("digits-r0.2")
    counts, left = np.bincount(whole.y), np.bincount(thinned.y)
    assert left[9] == counts[9]
    share = left / counts
    assert np.abs(share - np.linspace(0.2, 1, 10)).max() < 0.12  # three deviations
    rows = {sample.tobytes() for sample in whole.x}
    assert all(sample.tobytes() in rows for sample in thinned.x)
    assert thinned.checksum == load_dataset("digits-r0.2").checksum
    assert {len(load_dataset(f"digits-r{rate}").y) for rate in (0.1, 0.3)} == {970, 1142}


@pytest.mark.parametrize("name", ["mnist-r0.1", "mnist-test-r0.5", "mnist-r0.3"])
def test_the_thinned_sets_have_the_sizes_that_the_catalogue_names(name, data_root):
    assert len(load_dataset(name).y) == DATASETS[name].n


def test_arrays_are_fit_for_tensors(root):
    for name in (name for name, source in DATASETS.items() if not source.local):
        data = load_dataset(name, root=root)
        assert data.x.flags.writeable
        assert data.x.flags.c_contiguous
        assert (data.x.dtype, data.y.dtype) == (np.float32, np.int64)
        assert len(data.x) == len(data.y)
        assert data.x.shape[1:] == DATASETS[name].shape


def test_the_checksum_is_of_the_content(root):
    mnist, again = load_dataset("mnist", root=root), load_dataset("mnist", root=root)
    assert mnist.checksum == again.checksum == content_checksum(mnist.x, mnist.y)
    x, y = mnist.x.copy(), mnist.y.copy()
    assert content_checksum(x.reshape(len(x), -1), y) != mnist.checksum
    x[0, 0, 0, 0] += 1
    assert content_checksum(x, mnist.y) != mnist.checksum
    y[0] += 1
    assert content_checksum(mnist.x, y) != mnist.checksum


# --- the data root ------------------------------------------------------------------------------


def test_the_root_is_the_argument_then_the_variable_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.data_root() == tmp_path / ".cache/recluster/data"
    (tmp_path / "set").mkdir()
    monkeypatch.setenv("RECLUSTER_DATA", "~/set")
    assert files.data_root() == tmp_path / "set"
    assert files.data_root(tmp_path) == tmp_path
    monkeypatch.setenv("RECLUSTER_DATA", "")
    assert files.data_root() == tmp_path / ".cache/recluster/data"


@pytest.mark.parametrize(
    "ask", [lambda: load_dataset("mnist"), lambda: verify("usps"), lambda: fetch("usps"), summary]
)
def test_a_root_that_is_not_there_is_named(ask, tmp_path, monkeypatch):
    monkeypatch.setenv("RECLUSTER_DATA", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"RECLUSTER_DATA must be a folder, .*gone is none; make"):
        ask()
    assert listing(tmp_path) == []


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="the data root must be a folder"):
        load_dataset("mnist", root=tmp_path / "file")


def test_the_default_root_is_made_when_something_is_fetched(tmp_path, monkeypatch, network):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert summary()[1]["state"] == "missing"
    assert not (tmp_path / ".cache").exists()
    assert len(load_dataset("usps").x) == 11
    assert (tmp_path / ".cache/recluster/data/USPS/usps.bz2").is_file()


# --- missing and wrong files --------------------------------------------------------------------


def damage(path: Path, how: str) -> bytes:
    made = path.read_bytes()
    wrong = {
        "cut": made[:-1],
        "empty": b"",
        "one bit": made[:100] + bytes([made[100] ^ 1]) + made[101:],
        "a web page": b"<html>404</html>",
    }[how]
    path.write_bytes(wrong)
    return wrong


DAMAGES = ("cut", "empty", "one bit", "a web page")


def test_a_missing_file_is_fetched_with_its_collection(tmp_path, network):
    assert len(load_dataset("mnist-test", root=tmp_path).x) == 4
    assert listing(tmp_path) == sorted(name for name in files.CHECKSUMS if name.startswith("MNIST"))
    load_dataset("mnist", root=tmp_path)
    assert network == ["MNIST"]


def test_fetching_leaves_whole_files_alone(root, network):
    (root / CUT).unlink()
    others = {name: (root / name).stat().st_mtime_ns for name in files.CHECKSUMS if name != CUT}
    assert all(state == "ok" for _, state in fetch("2mnist", root=root))
    assert network == ["MNIST"]
    assert others == {name: (root / name).stat().st_mtime_ns for name in others}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_wrong_file_is_kept_aside_and_fetched_again(how, root, network, caplog, content):
    wrong = damage(root / CUT, how)
    assert dict(verify("mnist-test", root=root))[root / CUT] == "corrupt"
    assert len(load_dataset("mnist-test", root=root).x) == 4
    assert (root / CUT).read_bytes() == content[CUT]
    assert (root / f"{CUT}.corrupt").read_bytes() == wrong
    assert listing(root) == sorted([*files.CHECKSUMS, f"{CUT}.corrupt"])
    assert f"{root / CUT} has a wrong checksum ({len(wrong):,} bytes)" in caplog.text


def test_an_earlier_wrong_file_is_never_overwritten(root, network):
    for ending in (".corrupt", ".corrupt-2", ".corrupt-3"):
        wrong = damage(root / CUT, "cut")[:-1] + ending.encode()
        (root / CUT).write_bytes(wrong)
        load_dataset("mnist", root=root)
        assert (root / f"{CUT}{ending}").read_bytes() == wrong
    assert sum("corrupt" in name for name in listing(root)) == 3


@pytest.mark.parametrize("how", DAMAGES)
def test_a_wrong_file_is_never_parsed(how, root, monkeypatch):
    damage(root / CUT, how)
    monkeypatch.setattr(formats, "idx", lambda content: pytest.fail("parsed"))
    with pytest.raises(InputError) as error:
        load_dataset("mnist", root=root)
    message = str(error.value)
    assert f"{root / CUT} had a wrong checksum" in message
    assert f"kept as {root / CUT}.corrupt" in message
    assert "no network" in message
    assert "`recluster data fetch mnist`" in message
    assert "RECLUSTER_DATA" in message
    assert f"{CUT}.corrupt" in listing(root)
    assert CUT not in listing(root)


def test_all_files_at_fault_are_named_in_one_error(root):
    (root / "MNIST/raw/train-labels-idx1-ubyte").unlink()
    damage(root / CUT, "cut")
    with pytest.raises(InputError, match=r"train-labels-idx1-ubyte is missing; .*had a wrong"):
        load_dataset("2mnist", root=root)


@pytest.mark.parametrize(
    "error",
    [
        URLError("timed out"),
        RuntimeError("Error downloading x:\nTried y, got:\nz"),
        ConnectionResetError(104, "reset"),
        ModuleNotFoundError("No module named 'torchvision'"),
        OSError(28, "No space left on device"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing_behind(error, tmp_path, monkeypatch):
    def half(collection: str, into: Path) -> None:
        (into / CUT).parent.mkdir(parents=True)
        (into / CUT).write_bytes(b"half")
        raise error

    monkeypatch.setattr(files, "download", half)
    with pytest.raises(InputError, match=r"Fetching failed: .*`recluster data fetch mnist-test`"):
        load_dataset("mnist-test", root=tmp_path)
    assert listing(tmp_path) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(collection: str, into: Path) -> None:
        (into / CUT).parent.mkdir(parents=True)
        (into / CUT).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("mnist-test", root=tmp_path)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("sent", [b"<html>moved</html>", None])
def test_a_fetched_file_is_checked_too(sent, tmp_path, monkeypatch, network):
    whole = files.download

    def wrong(collection: str, into: Path) -> None:
        whole(collection, into)
        (into / CUT).unlink()
        if sent is not None:
            (into / CUT).write_bytes(sent)

    monkeypatch.setattr(files, "download", wrong)
    with pytest.raises(InputError, match=r"what came as MNIST/raw/t10k-images.* wrong checksum"):
        load_dataset("mnist-test", root=tmp_path)
    assert CUT not in listing(tmp_path)
    assert all(state != "corrupt" for _, state in verify("mnist", root=tmp_path))


def test_two_at_once_both_get_whole_files(root, monkeypatch, network):
    damage(root / CUT, "cut")
    (root / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    whole, together = files.download, threading.Barrier(2, timeout=30)

    def download(collection: str, into: Path) -> None:
        together.wait()
        whole(collection, into)

    monkeypatch.setattr(files, "download", download)
    read_bytes = Path.read_bytes

    def read_together(path: Path) -> bytes:  # both find the file wrong before either moves it
        made = read_bytes(path)
        if path == root / CUT and len(made) < 28 * 28 * 4 + 16:
            together.wait()
        return made

    monkeypatch.setattr(Path, "read_bytes", read_together)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(load_dataset, "mnist-test", root=root) for _ in range(2)]
        first, second = (done.result() for done in both)
    assert first.checksum == second.checksum
    assert listing(root) == sorted([*files.CHECKSUMS, f"{CUT}.corrupt"])


def test_a_wrong_file_in_a_read_only_folder_is_named(root, monkeypatch, network):
    damage(root / CUT, "cut")

    def read_only(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", read_only)
    with pytest.raises(InputError) as error:
        load_dataset("mnist", root=root)
    assert f"{root / CUT} has a wrong checksum" in str(error.value)
    assert "cannot be moved aside to make room: Permission denied; make" in str(error.value)
    assert "RECLUSTER_DATA" in str(error.value)
    assert network == []
    assert listing(root) == sorted(files.CHECKSUMS)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_missing_file_in_a_read_only_root_is_named(tmp_path, network):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"is missing\. Fetching failed: .*Permission denied"):
        load_dataset("mnist", root=tmp_path)


def test_a_file_that_cannot_be_opened_is_named(root):
    (root / CUT).unlink()
    (root / CUT).mkdir()
    for ask in (load_dataset, verify):
        with pytest.raises(InputError, match=r"cannot read .*t10k-images.*: Is a directory"):
            ask("mnist", root=root)


# --- what there is ------------------------------------------------------------------------------


def test_verify_names_the_state_of_each_file_and_changes_nothing(root):
    damage(root / "USPS/usps.t.bz2", "one bit")
    (root / CUT).unlink()
    before = listing(root)
    assert verify("usps", root=root) == [
        (root / "USPS/usps.bz2", "ok"),
        (root / "USPS/usps.t.bz2", "corrupt"),
    ]
    assert [state for _, state in verify("mnist-test", root=root)] == ["missing", "ok"]
    assert listing(root) == before


def test_summary_has_a_row_for_each_data_set(root):
    damage(root / "USPS/usps.bz2", "cut")
    (root / CUT).unlink()
    rows = {row["name"]: row for row in summary(root=root)}
    assert list(rows) == list(DATASETS)
    states = {name: row["state"] for name, row in rows.items()}
    of_files = {name: states.pop(name) for name, source in DATASETS.items() if not source.local}
    assert {name for name, state in of_files.items() if state == "corrupt"} == {"usps"}
    assert {name for name, state in of_files.items() if state == "missing"} == {
        *("mnist", "mnist-test", "2mnist"),
        *(f"{name}-r0.{tenth}" for name in ("mnist", "mnist-test") for tenth in range(1, 6)),
    }
    assert set(states.values()) == {"missing"}
    assert (rows["usps"]["n"], rows["usps"]["shape"], rows["usps"]["k"]) == (9298, (1, 16, 16), 10)
    assert all(row["description"] for row in rows.values())


# --- torchvision --------------------------------------------------------------------------------


def test_torchvision_is_asked_for_a_collection_at_a_time(tmp_path, monkeypatch):
    monkeypatch.undo()
    asked = []

    def ask(name: str):
        return lambda into, **options: asked.append((name, into, options))

    kinds = {name: ask(name) for name in ("MNIST", "FashionMNIST", "USPS")}
    fake = SimpleNamespace(datasets=SimpleNamespace(**kinds))
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    for name in kinds:
        files.download(name, tmp_path)
    assert asked == [
        ("MNIST", tmp_path, {"download": True}),
        ("FashionMNIST", tmp_path, {"download": True}),
        ("USPS", tmp_path / "USPS", {"train": True, "download": True}),
        ("USPS", tmp_path / "USPS", {"train": False, "download": True}),
    ]


def test_names_and_sums_are_torchvisions_and_scikit_learns(monkeypatch):
    monkeypatch.undo()
    from sklearn.datasets import _rcv1
    from torchvision.datasets import MNIST, STL10, USPS, FashionMNIST

    theirs = {
        f"{kind.__name__}/raw/{name.removesuffix('.gz')}"
        for kind in (MNIST, FashionMNIST)
        for name, _ in kind.resources
    }
    for _, name, md5 in USPS.split_list.values():
        theirs.add(f"USPS/{name}")
        assert f"md5:{md5}" in files.CHECKSUMS[f"USPS/{name}"]
    for name, md5 in (*STL10.train_list, *STL10.test_list):
        if not name.startswith("unlabeled"):
            theirs.add(f"{STL10.base_folder}/{name}")
            assert files.CHECKSUMS[f"{STL10.base_folder}/{name}"] == (f"md5:{md5}",)
    for one in (*_rcv1.XY_METADATA, _rcv1.TOPICS_METADATA):
        theirs.add(f"RCV1/{one.filename}")
        assert files.CHECKSUMS[f"RCV1/{one.filename}"] == (f"sha256:{one.checksum}",)
        assert files.ADDRESSES[f"RCV1/{one.filename}"] == one.url
    others = {name for name in files.ADDRESSES if not name.startswith("RCV1/")}
    assert theirs | others == {name for name in files.CHECKSUMS if "/" in name}


def test_what_torchvision_does_not_fetch_has_an_address(tmp_path, monkeypatch):
    monkeypatch.undo()
    asked = []
    monkeypatch.setattr("torchvision.datasets.utils.download_url", lambda *call: asked.append(call))
    files.download("HAR", tmp_path)
    address = files.ADDRESSES["HAR/UCI HAR Dataset.zip"]
    assert asked == [(address, tmp_path / "HAR", "UCI HAR Dataset.zip")]


def test_torchvision_is_not_imported_before_a_fetch():
    code = "import sys, recluster.data; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- the real files, where RECLUSTER_DATA has them ------------------------------------------------


@pytest.fixture(scope="module")
def data_root() -> Path:
    if not os.environ.get("RECLUSTER_DATA"):
        pytest.skip("RECLUSTER_DATA is not set: no real files to test on")
    return files.data_root()


@pytest.mark.parametrize(
    ("name", "checksum"),
    [
        ("mnist", "26a634c40b91"),
        ("mnist-test", "8564f5bfda8a"),
        ("fashion", "9abb5eedb614"),
        ("usps", "38dbc4e869f0"),
        ("2mnist", "021e7c2a7032"),
        ("cifar10-jpeg", "f696e092d467"),
        ("cifar10-jpeg-test", "6a9724561f07"),
    ],
)
def test_real_data_are_as_listed(name, checksum, data_root):
    data, source = load_dataset(name, root=data_root), DATASETS[name]
    assert data.x.shape == (source.n, *source.shape)
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int64)
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert np.array_equal(np.unique(data.y), np.arange(source.k))
    assert data.checksum.startswith(checksum)


def test_real_class_counts(data_root):
    mnist, fashion, usps = (
        np.bincount(load_dataset(name, root=data_root).y) for name in ("mnist", "fashion", "usps")
    )
    assert mnist.argmax() == 1
    assert mnist.max() / mnist.sum() == pytest.approx(0.113, abs=5e-4)
    assert fashion.tolist() == [7000] * 10
    assert usps.tolist() == [1553, 1269, 929, 824, 852, 716, 834, 792, 708, 821]


def test_real_pixels_have_the_published_moments(data_root):
    fashion = load_dataset("fashion", root=data_root).x[:60_000]
    assert fashion.mean(dtype=np.float64) == pytest.approx(0.2860, abs=1e-4)
    assert fashion.std(dtype=np.float64) == pytest.approx(0.3530, abs=1e-4)


def test_real_usps_comes_back_from_libsvms_edition(data_root):
    usps = load_dataset("usps", root=data_root)
    x, y = usps.x[7291:], usps.y[7291:]
    values = smoothed(np.round(2 * x[:, 0].astype(np.float64) - 1, 3))
    # The top of the first image, as LIBSVM prints it in usps.t.
    printed = """-0.999999 -0.999928 -0.997885 -0.973729 -0.855772 -0.597416 -0.289254 0.001891
        0.199196 0.292162 0.058410 -0.398885 -0.782804 -0.958667 -0.997106 -0.999930"""
    assert values[0, 0] == pytest.approx([float(value) for value in printed.split()], abs=1e-6)
    again = formats.usps(libsvm_bytes(values, y, "{:.6f}"))
    assert content_checksum(*again) == content_checksum(x, y)

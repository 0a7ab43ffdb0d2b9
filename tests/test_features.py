"""Images in folders, and features from pretrained networks: on small files made in the same format."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

from recluster.data import DATASETS, catalogue, features, fetch, load_dataset, local, summary, verify
from recluster.spec import InputError


def faces(root: Path, people: int, frames: int) -> Path:
    """YouTube Faces: a black picture with a white square where the face is; person p is first's name."""
    folder = root / "YouTubeFaces/aligned_images_DB"
    for person in range(people):
        for frame in range(frames):
            image = Image.new("RGB", (220, 220))
            image.paste((250, 250, 250), (60, 60, 160, 160))
            path = folder / f"Person_{person:02}" / str(frame % 2) / f"{frame}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, quality=95)
    return folder


def test_faces_are_the_middle_of_the_aligned_images(tmp_path):
    folder = faces(tmp_path, people=3, frames=4)
    (folder / "Person_00/0/readme.txt").write_text("no picture")
    x, y = local.youtube_faces(folder, people=2, n=7)
    assert (x.shape, x.dtype) == ((7, 3, 55, 55), np.float32)
    assert y.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert x.min() > 0.7  # of the black around the face a smoothed edge at most


def test_too_few_faces_are_refused(tmp_path):
    faces(tmp_path, people=2, frames=2)
    with pytest.raises(InputError, match=r"10,000 samples .* holds 4 of \(3, 55, 55\) in 2; move"):
        load_dataset("ytf", root=tmp_path)


def test_what_is_missing_is_named_with_the_remedy(tmp_path):
    for name, remedy in (
        ("ytf", "ask its authors"),
        ("stl10-moco", "run `recluster data extract stl10-moco`"),
    ):
        for ask in (load_dataset, fetch):
            with pytest.raises(InputError, match=f"'{name}' cannot be read: .*is missing; {remedy}"):
                ask(name, root=tmp_path)
        assert [state for _, state in verify(name, root=tmp_path)] == ["missing"]
    states = {row["name"]: row["state"] for row in summary(root=tmp_path)}
    assert {states["ytf"], states["imagenet-moco"], states["har"]} == {"missing"}
    assert states["digits"] == "ok"


def imagenet(root: Path, classes, images: int = 1) -> Path:
    folder = root / "ImageNet/train"
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(images):
            Image.new("RGB", (300 + i, 260), (number, 0, 0)).save(folder / name / f"{i}.JPEG")
    return folder


def test_imagenet_10_is_ten_folders_of_imagenet(tmp_path):
    folder = imagenet(tmp_path, [*local.IMAGENET_10, "n99999999"], images=2)
    paths, labels = local.pictures(folder, local.IMAGENET_10)
    assert labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert "n99999999" not in {path.parent.name for path in paths}
    batches = list(local.in_batches(paths, 8, 224))
    assert [batch.shape for batch in batches] == [(8, 3, 224, 224), (8, 3, 224, 224), (4, 3, 224, 224)]
    with pytest.raises(InputError, match="has none for n0"):
        local.pictures(imagenet(tmp_path / "part", ["n02056570"]), local.IMAGENET_10)


def test_a_class_without_pictures_and_a_broken_picture_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no picture"):
        local.pictures(tmp_path)
    (tmp_path / "empty/a.jpg").write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(InputError, match=r"cannot read .*a.jpg as a picture .*unpack it again"):
        local.youtube_faces(tmp_path, people=1, n=1)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Six images of STL-10's shape, and a ResNet-34 of random weights that passes as the published."""
    torch.manual_seed(0)
    state = models.resnet34(weights=None).state_dict()
    path = tmp_path / features.NETWORKS["resnet34"].file
    path.parent.mkdir()
    torch.save(state, path)
    trust(monkeypatch, "resnet34", path)
    x = np.random.default_rng(0).random((6, 3, 96, 96), np.float32)
    source = catalogue.Source(
        description="", n=6, shape=(3, 96, 96), k=2, read=lambda: (x, np.array([0, 1] * 3))
    )
    monkeypatch.setitem(DATASETS, "stl10", source)
    for name, width in catalogue.WIDTHS.items():
        changed = {"n": 6, "k": 2, "shape": (width,)}
        made = catalogue.dataclasses.replace(DATASETS[f"stl10-{name}"], **changed)
        monkeypatch.setitem(DATASETS, f"stl10-{name}", made)
    return tmp_path


def trust(monkeypatch, kind: str, path: Path) -> None:
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    changed = catalogue.dataclasses.replace(features.NETWORKS[kind], checksum=checksum)
    monkeypatch.setitem(features.NETWORKS, kind, changed)


def test_features_are_what_the_network_gives_before_its_last_layer(world):
    heard = []
    path = features.extract(
        "stl10-resnet34", root=world, device="cpu", batch_size=4, tell=lambda *now: heard.append(now)
    )
    assert heard == [(4, 6), (6, 6)]
    data = load_dataset("stl10-resnet34", root=world)
    assert (data.x.shape, data.y.tolist(), data.k) == ((6, 512), [0, 1] * 3, 2)
    whole = models.resnet34(weights=None).eval()
    whole.load_state_dict(torch.load(world / features.NETWORKS["resnet34"].file, weights_only=True))
    seen = {}
    whole.fc.register_forward_hook(lambda layer, inputs, output: seen.update(x=inputs[0]))
    with torch.no_grad():
        images = torch.from_numpy(DATASETS["stl10"].read()[0])
        means = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        deviations = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        larger = torch.nn.functional.interpolate(images, (224, 224), mode="bilinear", antialias=True)
        whole((larger - means) / deviations)
    assert np.allclose(data.x, seen["x"].numpy(), rtol=1e-4, atol=1e-5)
    with np.load(path) as file:
        made = json.loads(str(file["made"]))
    assert made["images"] == "stl10"
    assert made["checksum"] == load_dataset("stl10", root=world).checksum
    assert verify("stl10-resnet34", root=world) == [(path, "ok")]
    assert [p.name for p in path.parent.iterdir()] == ["stl10-resnet34.npz"]


def test_moco_is_the_query_encoder_alone(world, monkeypatch):
    torch.manual_seed(1)
    encoder = models.resnet50(weights=None).state_dict()
    state = {f"module.encoder_q.{name}": value for name, value in encoder.items()}
    state |= {f"module.encoder_k.{name}": value + 1 for name, value in encoder.items()}
    state |= {"module.encoder_q.fc.2.weight": torch.ones(3), "module.queue": torch.ones(2)}
    path = world / features.NETWORKS["moco"].file
    torch.save({"epoch": 800, "state_dict": state}, path)
    trust(monkeypatch, "moco", path)
    loaded, _ = features.network("moco", world)
    assert torch.equal(loaded.state_dict()["conv1.weight"], encoder["conv1.weight"])
    assert "fc.weight" not in loaded.state_dict()


def test_wrong_weights_are_refused_before_they_are_read(world, monkeypatch):
    (world / features.NETWORKS["resnet50"].file).write_bytes(b"cos\nsystem\n")
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("read"))
    with pytest.raises(InputError, match=r"must have a SHA-256 that begins with 0676ba61, and has"):
        features.extract("stl10-resnet50", root=world)


def test_missing_weights_name_the_address(world, monkeypatch):
    def offline(*_):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(InputError, match=r"fetching it from https://download.pytorch.org.*no network"):
        features.extract("stl10-resnet101", root=world)
    assert not list(world.rglob("*resnet101*"))
    (world / features.NETWORKS["resnet34"].file).unlink()
    with pytest.raises(InputError, match=r"resnet34-.*is missing"):
        features.extract("stl10-resnet34", root=world)
    assert not (world / "weights").exists()


def test_only_features_can_be_extracted(world):
    for name in ("stl10", "stl10-resnet18", "mnist-resnet34"):
        with pytest.raises(InputError, match=f"unknown feature set '{name}'"):
            features.extract(name, root=world)


def test_part_of_imagenet_is_refused(world):
    imagenet(world, local.IMAGENET_10)
    with pytest.raises(InputError, match=r"imagenet10 has 13,000 images of 10 classes, .* holds 10 of"):
        features.pictures("imagenet10", world, 4)
    with pytest.raises(InputError, match=r"must hold a folder of images for each class"):
        features.pictures("imagenet", world / "weights", 4)


def test_imagenet_is_read_in_batches(world, monkeypatch):
    imagenet(world, local.IMAGENET_10)
    monkeypatch.setitem(features.PICTURES, "imagenet10", (10, 10))
    batches, labels, _ = features.pictures("imagenet10", world, 4)
    sizes = [tuple(batch.shape) for batch in batches]
    assert sizes == [(4, 3, 224, 224), (4, 3, 224, 224), (2, 3, 224, 224)]
    assert labels.tolist() == [*range(10)]


@pytest.mark.parametrize("damage", ["cut", "other", "pickle", "few"])
def test_damaged_features_are_refused(damage, world):
    path = features.extract("stl10-resnet34", root=world, device="cpu")
    x, y = np.zeros((6, 512), np.float32), np.array([0, 1] * 3)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other":
        np.savez(path, x=x.astype(np.float64), y=y)
    elif damage == "pickle":
        np.savez(path, x=np.array([{}], object), y=y)
    else:
        np.savez(path, x=x[:4], y=y[:4])
    with pytest.raises(InputError, match=r"stl10-resnet34.npz .*move it away and run `recluster data"):
        load_dataset("stl10-resnet34", root=world)


def test_a_kill_leaves_no_half_file(world, monkeypatch):
    def broken(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(KeyboardInterrupt):
        features.extract("stl10-resnet34", root=world, device="cpu")
    assert [*(world / "features").iterdir()] == []


def test_grey_images_have_no_features():
    assert not any(name.startswith(("mnist-resnet", "digits-resnet")) for name in DATASETS)
    assert set(features.NETWORKS) == set(catalogue.WIDTHS)

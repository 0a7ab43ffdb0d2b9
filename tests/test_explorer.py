"""The explorer: what it hands to the page, and how it behaves in a real browser, from a file."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from recluster.data import load_dataset
from recluster.report import explorer
from recluster.report.explorer import Mapped
from recluster.spec import InputError
from recluster.store import FINISHED, Record

ROOT = Path(__file__).resolve().parents[1]
EXECUTED = ROOT / "book/notebooks/comparison/explorer.ipynb"
STATIC = ROOT / "book/_static"
LARGEST_PAGE = 3_000_000  # bytes
MARGIN = 14  # of the map, as in explorer.js
ACC = [0.2, 0.4, 0.6]
CURVES = {"loss": [3.0, 2.5, 2.0, 1.5, 1.0, 0.5]}


def record(method: str, curves: dict[str, list[float]], **config: object) -> Record:
    return Record(
        key="0" * 12,
        run={"method": method, "dataset": "digits", "seed": 0, "scale": "smoke", "config": config},
        status=FINISHED,
        fingerprint=[1.0],
        scores={},
        curves=curves,
        scored={"epoch": [2, 4, 6], "acc": ACC, "nmi": ACC, "ari": ACC},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={},
        environment={},
        started="",
    )


def on_map(name: str, turn: int) -> Mapped:
    """Digits in random places, with the classes as clusters, counted on by `turn`."""
    data, n = load_dataset("digits"), 90
    rows = np.arange(0, 5 * n, 5)
    points = np.random.default_rng(turn).random((n, 2))
    classes = data.y[rows]
    return Mapped(name, record(name, CURVES), rows, classes, (classes + turn) % 10, points)


@pytest.fixture(scope="module")
def maps() -> list[Mapped]:
    return [on_map("one", 0), on_map("two", 3)]


# --- what it hands over ---------------------------------------------------------------------------


def test_places_survive_their_sixteen_bits(maps):
    content = explorer.as_object(maps[0])
    places = np.frombuffer(base64.b64decode(content["places"]), "<u2").reshape(-1, 2) / 65535
    assert places == pytest.approx(maps[0].points, abs=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_holds_every_image_in_its_place(channels):
    images = np.random.default_rng(0).integers(0, 256, (35, channels, 4, 6)) / 255
    address = explorer.sheet(images)
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))), float) / 255
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    for i, image in enumerate(images):
        row, column = divmod(i, explorer.COLUMNS)
        found = pixels[4 * row : 4 * row + 4, 6 * column : 6 * column + 6]
        assert found.transpose(2, 0, 1) == pytest.approx(image)


def test_a_cluster_stands_for_the_class_that_acc_gives_it():
    classes = np.array([0, 0, 0, 1, 1, 1, 1])
    labels = np.array([4, 4, 2, 2, 2, 2, 0])
    assert explorer.matching(classes, labels) == {4: 0, 2: 1}


def test_without_the_data_there_are_no_images(maps, monkeypatch):
    def missing(name: str) -> None:
        raise InputError(f"{name} is not here")

    assert explorer.samples(maps[0])["sheet"].startswith("data:image/png")
    monkeypatch.setattr(explorer, "load_dataset", missing)
    assert "sheet" not in explorer.samples(maps[0])


def test_a_map_holds_a_part_of_the_records_sample():
    n = explorer.EVERY * 60
    generator = np.random.default_rng(0)
    arrays = {
        "sample": np.arange(1, 2 * n, 2),
        "sample_classes": generator.integers(3, size=n),
        "sample_embedding": generator.random((n, 5), np.float32),
        "labels": generator.integers(3, size=2 * n),
    }
    one = explorer.mapped("one", record("one", CURVES), arrays)
    assert len(one.points) == n / explorer.EVERY
    assert one.labels.tolist() == arrays["labels"][one.rows].tolist()
    assert one.points.min(0).tolist() == [0, 0]
    assert one.points.max(0).tolist() == [1, 1]


def test_the_executed_page_is_light_and_has_runs_to_choose_from():
    assert EXECUTED.stat().st_size < LARGEST_PAGE
    outputs = [o for cell in nbformat.read(EXECUTED, 4).cells for o in cell.get("outputs", [])]
    (text,) = [o.data["application/javascript"] for o in outputs if "application/javascript" in o.data]
    content = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert len({run["name"] for run in content["runs"]}) > 1
    assert {run["data"] for run in content["runs"]} == set(content["sets"])
    for run in content["runs"]:
        assert len(run["labels"]) == len(content["sets"][run["data"]]["classes"])


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(maps, tmp_path_factory) -> str:
    """The address of a file with an explorer alone, its style and script those of the book."""
    page = tmp_path_factory.mktemp("explorer") / "page.html"
    style, program = (STATIC / f"explorer.{kind}" for kind in ("css", "js"))
    page.write_text(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Explorer</title>'
        f'<link rel="stylesheet" href="{style.as_uri()}"><script src="{program.as_uri()}"></script>'
        f"</head><body><script>{explorer.script(maps)}</script>"
        '<div class="tag_explorer-still">still</div></body></html>'
    )
    return page.as_uri()


@pytest.fixture
def page(browser: Browser, written: str) -> Iterator[Page]:
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    one = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    one.on("request", lambda request: asked.append(urlsplit(request.url).scheme))
    one.on("pageerror", lambda error: complaints.append(str(error)))
    one.goto(written)
    yield one
    assert set(asked) <= {"file", "data"}
    assert complaints == []
    context.close()


def place(page: Page, one: Mapped, i: int) -> tuple[float, float]:
    """Where sample i lies on the screen."""
    canvas = page.locator(".explorer-map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.evaluate(
        "c => { const b = c.getBoundingClientRect();"
        " return [b.left + c.clientLeft, b.top + c.clientTop, c.clientWidth, c.clientHeight]; }"
    )
    x, y = one.points[i]
    return box[0] + MARGIN + x * (box[2] - 2 * MARGIN), box[1] + MARGIN + y * (box[3] - 2 * MARGIN)


def picture(page: Page) -> str:
    return str(page.locator(".explorer-map canvas").evaluate("c => c.toDataURL()"))


browsing = pytest.mark.browser


@browsing
def test_the_pointer_finds_a_sample_and_shows_its_image(page, maps):
    card = page.locator(".explorer-card")
    assert card.is_hidden()
    for i in (0, 17, 89):
        page.mouse.move(*place(page, maps[0], i))
        assert card.is_visible()
        assert card.inner_text() == f"cluster {maps[0].labels[i]}, class {maps[0].classes[i]}"
        image = page.locator(".explorer-image").evaluate("e => getComputedStyle(e).backgroundImage")
        assert image.startswith('url("data:image/png')
    page.mouse.move(1, 1)
    assert card.is_hidden()


@browsing
def test_a_finger_finds_a_sample_and_the_card_stays(page, maps):
    page.touchscreen.tap(*place(page, maps[0], 5))
    assert page.locator(".explorer-card").is_visible()
    assert f"Sample {maps[0].rows[5]}:" in page.locator(".explorer-said").inner_text()


@browsing
def test_keys_go_from_sample_to_sample(page):
    said, canvas = page.locator(".explorer-said"), page.locator(".explorer-map canvas")
    before = said.inner_text()
    canvas.focus()
    seen = []
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(said.inner_text())
    assert len({before, *seen}) == 5
    page.keyboard.press("Escape")
    assert page.locator(".explorer-card").is_hidden()
    assert said.inner_text() == before


@browsing
def test_another_run_and_another_colouring_change_the_map(page):
    run, colouring = page.get_by_label("Run"), page.get_by_label("Colour by")
    pictures = [picture(page)]
    run.select_option("two, digits")
    pictures.append(picture(page))
    assert page.locator(".explorer-said").inner_text().startswith("two on digits")
    colouring.select_option("cluster")
    assert page.locator(".explorer-legend").inner_text().startswith("cluster")
    assert picture(page) == pictures[-1]  # each cluster is a class, and has its colour
    run.select_option("one, digits")
    colouring.select_option("true class")
    assert picture(page) == pictures[0]
    assert len(set(pictures)) == 2


@browsing
def test_the_slider_tells_scores_and_losses_of_its_epoch(page):
    slider = page.get_by_role("slider")
    assert slider.input_value() == "6"
    values = page.locator(".explorer-course dd")
    for epoch, shown in (("6", ["0.6", "0.5"]), ("4", ["0.4", "1.5"]), ("1", ["–", "3"])):
        slider.fill(epoch)
        texts = values.all_inner_texts()
        assert [texts[0], texts[-1]] == shown
        assert page.locator("output").inner_text().strip() == f"{epoch} of 6"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "2"


@browsing
def test_it_fits_a_phone_and_the_card_stays_on_the_map(page, maps):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    corners = maps[0].points @ [[1, 1, -1], [1, -1, 1]]
    for i in {*corners.argmin(0).tolist(), *corners.argmax(0).tolist()}:
        page.mouse.move(*place(page, maps[0], i))
        card = page.locator(".explorer-card").bounding_box()
        canvas = page.locator(".explorer-map canvas").bounding_box()
        assert canvas["x"] <= card["x"]
        assert card["x"] + card["width"] <= canvas["x"] + canvas["width"] + 1
        assert canvas["y"] <= card["y"]
        assert card["y"] + card["height"] <= canvas["y"] + canvas["height"] + 1


@browsing
def test_the_still_picture_is_for_those_without_scripts(page, browser, written):
    assert page.locator(".tag_explorer-still").is_hidden()
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(written)
    assert plain.locator(".tag_explorer-still").is_visible()
    context.close()

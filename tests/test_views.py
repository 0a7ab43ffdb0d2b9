"""Random views against slow loops, and what must hold of them whatever is drawn."""

from __future__ import annotations

from functools import partial
from math import cos, exp, pi, sin, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recluster.parts import views
from recluster.spec import InputError

quick = settings(deadline=None, max_examples=30)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
sizes = st.integers(1, 9)
shares = st.floats(0, 1)


def colours(b: int = 5, h: int = 6, w: int = 7, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(b, 3, h, w, generator=generator, dtype=torch.float64)


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1, 1)


@pytest.fixture
def asked(monkeypatch):
    """The shares that are asked for, in order; no image is chosen."""
    wanted: list[float] = []

    def chosen(x, share):
        wanted.append(share)
        return torch.zeros(len(x), 1, 1, 1, dtype=torch.bool)

    monkeypatch.setattr(views, "chosen", chosen)
    return wanted


# --- crops --------------------------------------------------------------------------------------


def interpolated(line: list[float], position: float) -> float:
    """The value between two pixels, positions beyond the ends taken as the ends."""
    position = min(max(position, 0), len(line) - 1)
    before = min(int(position), max(len(line) - 2, 0))
    after = min(before + 1, len(line) - 1)
    part = position - before
    return (1 - part) * line[before] + part * line[after]


@quick
@given(sizes, shares, shares, st.integers(0, 99))
def test_a_crop_interpolates_between_the_pixels_of_its_section(size, begin, length, seed):
    begin *= 1 - length
    line = torch.rand(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weights = views.linear_weights(column(begin).view(1, 1), column(length).view(1, 1), size)[0]
    expected = [
        interpolated(line.tolist(), size * begin + (i + 0.5) * length - 0.5) for i in range(size)
    ]
    close(weights @ line, torch.tensor(expected, dtype=torch.float64))
    close(weights.sum(1), torch.ones(size).double())
    assert (weights >= 0).all()


def test_the_whole_image_is_left_as_it_is():
    whole = views.linear_weights(column(0).view(1, 1), column(1).view(1, 1), 6)
    close(whole[0], torch.eye(6).double())


def test_the_middle_half_is_what_an_enlargement_of_it_gives():
    x = colours(h=8, w=8)
    weights = views.linear_weights(column(0.25).view(1, 1), column(0.5).view(1, 1), 8)
    got = views.resampled(x, weights.expand(5, 8, 8), weights.expand(5, 8, 8))
    double = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    close(got, double[:, :, 4:12, 4:12])


def test_resampling_is_a_product_from_both_sides():
    x = colours(b=2, h=3, w=4)
    rows, columns = torch.rand(2, 3, 3).double(), torch.rand(2, 4, 4).double()
    got = views.resampled(x, rows, columns)
    for n in range(2):
        for c in range(3):
            close(got[n, c], rows[n] @ x[n, c] @ columns[n].T)


def test_areas_and_aspects_of_crops_are_as_drawn(monkeypatch):
    seen: list[torch.Tensor] = []
    inner = views.linear_weights

    def recorded(begin, length, size):
        seen.append(length.flatten())
        assert (begin >= 0).all()
        assert (begin + length <= 1 + 1e-9).all()
        return inner(begin, length, size)

    monkeypatch.setattr(views, "linear_weights", recorded)
    torch.manual_seed(0)
    views.cropped(torch.zeros(4000, 1, 2, 2).double(), 0.3)
    height, width = seen
    inside = (height < 1) & (width < 1)
    area, aspect = (height * width)[inside], (width / height)[inside]
    assert 0.3 <= area.min() < 0.31
    assert 3 / 4 <= aspect.min() < 0.77
    assert 1.31 < aspect.max() <= 4 / 3 + 1e-9
    assert abs((aspect > 1).double().mean() - 0.5) < 0.05
    assert inside.double().mean() > 0.75


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (5, 2)])
def test_a_constant_image_stays_constant_and_sizes_stay(shape):
    x = torch.full((4, 1, *shape), 0.3)
    torch.testing.assert_close(views.cropped(x, 0.1), x)


# --- blur ---------------------------------------------------------------------------------------


@quick
@given(sizes, st.floats(0.1, 2))
def test_gaussian_weights(size, sigma):
    weights = views.gaussian_weights(column(sigma).view(1, 1, 1), size)[0]
    for i in range(size):
        bell = [exp(-((i - j) ** 2) / (2 * sigma**2)) for j in range(size)]
        close(weights[i], torch.tensor([one / sum(bell) for one in bell], dtype=torch.float64))


def test_a_blur_flattens_and_keeps_the_range():
    torch.manual_seed(0)
    x = colours()
    y = views.smoothed(x)
    assert y.shape == x.shape
    assert (y.std((2, 3)) < x.std((2, 3)) + 1e-9).all()
    assert x.min() <= y.min() <= y.max() <= x.max()


# --- colour -------------------------------------------------------------------------------------


def rodrigues(colour, angle):
    """A vector turned around the axis (1, 1, 1) / sqrt 3."""
    axis = [1 / sqrt(3)] * 3
    along = sum(a * c for a, c in zip(axis, colour, strict=True))
    cross = [
        axis[(i + 1) % 3] * colour[(i + 2) % 3] - axis[(i + 2) % 3] * colour[(i + 1) % 3]
        for i in range(3)
    ]
    return [
        colour[i] * cos(angle) + cross[i] * sin(angle) + axis[i] * along * (1 - cos(angle))
        for i in range(3)
    ]


@quick
@given(st.floats(-1, 1), st.integers(0, 99))
def test_hue_is_a_rotation_around_the_greys(turns, seed):
    x = colours(1, 2, 2, seed)
    got = views.hue_turned(x, column(turns))
    for i in range(2):
        for j in range(2):
            expected = rodrigues(x[0, :, i, j].tolist(), 2 * pi * turns)
            close(got[0, :, i, j], torch.tensor(expected, dtype=torch.float64))


def test_a_third_of_a_turn_exchanges_the_channels_and_greys_stay():
    x = colours()
    turned = views.hue_turned(x, column(*[1 / 3] * 5))
    close(turned, x.roll(1, 1))
    grey = x[:, :1].expand(-1, 3, -1, -1)
    close(views.hue_turned(grey, column(*[0.07] * 5)), grey)


def test_luminance_is_the_weighted_sum():
    x = colours()
    grey = views.luminance(x)
    for c in range(3):
        close(grey[:, c], 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2])


def clamp(value):
    return min(max(value, 0.0), 1.0)


def test_jitter_is_brightness_contrast_saturation_and_hue(monkeypatch):
    drawn = iter([1.3, 0.7, 1.2, 0.05])
    ranges: list[tuple[float, float]] = []

    def uniform(x, low, high):
        ranges.append((low, high))
        return column(*[next(drawn)] * len(x))

    monkeypatch.setattr(views, "uniform", uniform)
    x = colours(1, 2, 3)
    got = views.jittered(x)[0]
    pixels = [x[0, :, i, j].tolist() for i in range(2) for j in range(3)]
    weights = (0.299, 0.587, 0.114)

    def grey(pixel):
        return sum(w * value for w, value in zip(weights, pixel, strict=True))

    pixels = [[clamp(1.3 * value) for value in pixel] for pixel in pixels]
    mean = sum(map(grey, pixels)) / len(pixels)
    pixels = [[clamp(mean + 0.7 * (value - mean)) for value in pixel] for pixel in pixels]
    pixels = [[clamp(grey(p) + 1.2 * (value - grey(p))) for value in p] for p in pixels]
    pixels = [[clamp(value) for value in rodrigues(p, 2 * pi * 0.05)] for p in pixels]
    close(got.flatten(1).T, torch.tensor(pixels, dtype=torch.float64))
    expected = [(0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1)]
    assert ranges == [pytest.approx(one) for one in expected]


@quick
@given(st.integers(0, 10**6))
def test_jitter_keeps_the_range_and_greys_grey(seed):
    torch.manual_seed(seed)
    y = views.jittered(colours())
    assert 0 <= y.min() <= y.max() <= 1
    grey = views.jittered(views.luminance(colours()))
    close(grey[:, 0], grey[:, 1])
    close(grey[:, 0], grey[:, 2])


# --- whole views --------------------------------------------------------------------------------


def test_what_the_two_views_draw(asked):
    views.two_views(colours(), 0.3)
    assert asked == [0.8, 0.2, 1.0, 0.5, 0.8, 0.2, 0.1, 0.2, 0.5]


def test_a_mild_view_is_not_blurred(asked):
    views.mild_view(colours())
    assert asked == [0.8, 0.2, 0.5]


def test_where_nothing_is_chosen_a_view_is_its_crop(asked):
    torch.manual_seed(0)
    expected = views.cropped(colours(), 0.3)
    torch.manual_seed(0)
    # The jitter draws, and is not taken.
    assert torch.equal(views.coloured_view(colours(), 0.3, blurred=0.0, solarised=0.0), expected)


@pytest.mark.parametrize(
    ("share", "change"),
    [
        (0.2, views.luminance),
        (0.3, lambda x: torch.where(x >= 0.5, 1 - x, x)),
        (0.5, lambda x: x.flip(3)),
    ],
)
def test_each_change_is_made_where_it_is_chosen(monkeypatch, share, change):
    monkeypatch.setattr(views, "cropped", lambda x, _: x)
    monkeypatch.setattr(
        views, "chosen", lambda x, one: torch.arange(len(x)).view(-1, 1, 1, 1) % 2 == (one != share)
    )
    monkeypatch.setattr(views, "jittered", lambda x: x)
    monkeypatch.setattr(views, "smoothed", lambda x: x)
    others = {
        0.2: views.luminance,
        0.3: lambda x: torch.where(x >= 0.5, 1 - x, x),
        0.5: lambda x: x.flip(3),
    }
    x = colours()
    got = views.coloured_view(x, 0.3, blurred=0.4, solarised=0.3)
    close(got[::2], change(x)[::2])  # images 0, 2, 4 are chosen for this change alone
    odd = x[1::2]
    for other, function in others.items():
        odd = odd if other == share else function(odd)
    close(got[1::2], odd)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_without_three_channels_only_crops_are_made(channels, asked):
    x = torch.rand(5, channels, 6, 6)
    torch.manual_seed(0)
    expected = views.cropped(x, 0.3)
    torch.manual_seed(0)
    assert torch.equal(views.two_views(x, 0.3)[0], expected)
    assert not asked


@quick
@given(st.integers(0, 10**6), st.sampled_from([1, 3]), st.integers(1, 6), sizes, sizes)
def test_views_keep_shape_and_range_and_leave_the_data(seed, channels, b, h, w):
    torch.manual_seed(seed)
    x = torch.rand(b, channels, h, w)
    before = x.clone()
    for view in (*views.two_views(x, 0.3), views.mild_view(x)):
        assert view.shape == x.shape
        assert view.dtype == x.dtype
        assert -1e-6 <= view.min() <= view.max() <= 1 + 1e-6
    assert torch.equal(x, before)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_and_every_view_draws_for_itself_from_the_global_stream(channels):
    x = torch.rand(1, channels, 8, 8).expand(6, -1, -1, -1)
    torch.manual_seed(3)
    first, second = views.two_views(x, 0.3)
    every = [*first, *second]
    for i, one in enumerate(every):
        assert not any(torch.equal(one, other) for other in every[:i])
    torch.manual_seed(3)
    again = views.two_views(x, 0.3)
    assert torch.equal(again[0], first)
    assert torch.equal(again[1], second)


def test_shares_are_kept():
    torch.manual_seed(0)
    x = torch.zeros(4000, 1, 1, 1)
    for share in (0.1, 0.5, 0.8):
        assert abs(views.chosen(x, share).float().mean() - share) < 0.03
    assert views.chosen(x, 1.0).all()
    assert not views.chosen(x, 0.0).any()


def test_a_cutout_is_one_rectangle_of_at_most_half_the_side():
    torch.manual_seed(0)
    x = torch.ones(300, 2, 8, 10)
    y = views.cut_out(x)
    areas = set()
    for image in y:
        assert torch.equal(image[0], image[1])
        hole = image[0] == 0
        assert torch.equal(image[0][~hole], torch.ones(int((~hole).sum())))
        height, width = hole.any(1).sum().item(), hole.any(0).sum().item()
        assert hole.sum() == height * width
        assert max(height, width) <= 4
        areas.add(int(hole.sum()))
    assert {0, 1, 16} <= areas


@pytest.mark.parametrize("shape", [(3, 64), (3, 8, 8), (3, 1, 1, 8, 8)])
def test_only_images_have_views(shape):
    views.images_only(torch.zeros(3, 1, 8, 8))
    with pytest.raises(InputError, match=r"needs images \(channels, height, width\), got samples of"):
        views.images_only(torch.zeros(shape))

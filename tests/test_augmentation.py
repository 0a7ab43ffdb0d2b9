"""Rotated and shifted images, against slow loops over pixels and against exact cases."""

from __future__ import annotations

from functools import partial
from math import cos, floor, radians, sin

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recluster.parts import augmentation
from recluster.parts.augmentation import augmented, moved

quick = settings(deadline=None, max_examples=30)
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
exact = partial(torch.tensor, dtype=torch.float64)


@st.composite
def images(draw: st.DrawFn) -> torch.Tensor:
    """Up to three images of up to two channels, square or not."""
    shape = [draw(st.integers(1, 3)), draw(st.integers(1, 2)), *(draw(st.integers(1, 6)) for _ in "hw")]
    return exact(np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(size=shape))


ranges = st.floats(0, 180), st.floats(0, 1)


# --- slow ---------------------------------------------------------------------------------------


def between(image, row, column):
    """The value of an image (h, w) between its pixels; beyond the edge, the edge's."""
    row, column = min(max(row, 0), len(image) - 1), min(max(column, 0), len(image[0]) - 1)
    top, left = floor(row), floor(column)
    total = 0.0
    for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        share = (1 - abs(row - r)) * (1 - abs(column - c))
        if share > 0:
            total += share * image[r][c]
    return total


def turned(image, angle, down, right):
    """An image (h, w) looked up, pixel by pixel, at a place turned about the centre and shifted."""
    h, w = len(image), len(image[0])
    result = [[0.0] * w for _ in range(h)]
    for r in range(h):
        for c in range(w):
            v, u = r - (h - 1) / 2, c - (w - 1) / 2
            across = cos(radians(angle)) * u - sin(radians(angle)) * v + w * right
            along = sin(radians(angle)) * u + cos(radians(angle)) * v + h * down
            result[r][c] = between(image, along + (h - 1) / 2, across + (w - 1) / 2)
    return result


# --- one move -----------------------------------------------------------------------------------


@quick
@given(images(), st.data())
def test_moved_looks_every_pixel_up_at_its_turned_place(x, data):
    n = len(x)
    angles = data.draw(st.lists(st.floats(-180, 180), min_size=n, max_size=n))
    shifts = data.draw(st.lists(st.tuples(*[st.floats(-1, 1)] * 2), min_size=n, max_size=n))
    expected = [
        [turned(channel.tolist(), angle, *shift) for channel in image]
        for image, angle, shift in zip(x, angles, shifts, strict=True)
    ]
    close(moved(x, exact(angles), exact(shifts)), exact(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 1, 28, 28), (16, 3, 32, 20)])
def test_single_precision_moves_as_double_does(shape):
    """As close as torch's own grid, which one matrix product a pixel makes."""
    x, angles, shifts = torch.rand(shape), 20 * torch.rand(shape[0]) - 10, 0.2 * torch.rand(shape[0], 2)
    exactly = moved(x.double(), angles.double(), shifts.double())
    assert moved(x, angles, shifts).dtype == torch.float32
    close(moved(x, angles, shifts).double(), exactly, rtol=0, atol=1e-5)


@quick
@given(images())
def test_no_angle_and_no_shift_leave_an_image(x):
    close(moved(x, exact([0.0] * len(x)), exact([[0.0, 0.0]] * len(x))), x)


@quick
@given(images())
def test_half_a_turn_is_a_flip_of_both_sides(x):
    close(moved(x, exact([180.0] * len(x)), exact([[0.0, 0.0]] * len(x))), x.flip(2, 3))


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_a_quarter_turn_of_a_square_moves_pixels_onto_pixels(side):
    x = torch.rand(2, 3, side, side, dtype=torch.float64)
    anticlockwise, clockwise = moved(x, exact([90.0, -90.0]), exact([[0.0, 0.0]] * 2))
    close(anticlockwise, x[0].rot90(1, (1, 2)))
    close(clockwise, x[1].rot90(-1, (1, 2)))


def test_a_shift_by_whole_pixels_repeats_the_edge():
    x = torch.rand(1, 2, 4, 5, dtype=torch.float64)
    close(moved(x, exact([0.0]), exact([[1 / 4, 0.0]])), x[:, :, [1, 2, 3, 3]])
    close(moved(x, exact([0.0]), exact([[0.0, -2 / 5]])), x[:, :, :, [0, 0, 0, 1, 2]])


# --- random moves -------------------------------------------------------------------------------


@quick
@given(images())
def test_zero_ranges_are_the_identity(x):
    assert torch.equal(augmented(x, 0.0, 0.0), x)


@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 4)])
def test_samples_that_are_no_images_come_back_as_they_are_and_draw_nothing(shape):
    x = torch.rand(shape)
    before = torch.get_rng_state()
    assert torch.equal(augmented(x, 10.0, 0.1), x)
    assert torch.equal(torch.get_rng_state(), before)


@quick
@given(images(), *ranges)
def test_values_stay_between_the_least_and_the_largest_of_each_channel(x, rotation, shift):
    got = augmented(x, rotation, shift)
    assert got.shape == x.shape
    assert got.dtype == x.dtype
    assert (got <= x.amax((2, 3), keepdim=True) + 1e-9).all()
    assert (got >= x.amin((2, 3), keepdim=True) - 1e-9).all()


@quick
@given(*ranges, st.floats(-5, 5))
def test_a_constant_image_stays(rotation, shift, value):
    x = torch.full((3, 1, 4, 6), value, dtype=torch.float64)
    close(augmented(x, rotation, shift), x)


def test_draws_are_uniform_within_the_ranges_and_differ_between_samples(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        augmentation, "moved", lambda x, angles, shifts: drawn.update(angles=angles, shifts=shifts) or x
    )
    torch.manual_seed(0)
    augmented(torch.zeros(4000, 1, 2, 2), 10.0, 0.25)
    for values, largest in [
        (drawn["angles"], 10.0),
        (drawn["shifts"][:, 0], 0.25),
        (drawn["shifts"][:, 1], 0.25),
    ]:
        assert values.shape == (4000,)
        assert len(values.unique()) > 3900
        assert values.abs().max() <= largest
        quantiles = values.quantile(torch.tensor([0.1, 0.5, 0.9])) / largest
        torch.testing.assert_close(quantiles, torch.tensor([-0.8, 0.0, 0.8]), rtol=0, atol=0.06)
    correlation = torch.corrcoef(torch.stack([drawn["angles"], *drawn["shifts"].T]))
    assert (correlation - torch.eye(3)).abs().max() < 0.06


def test_the_same_stream_gives_the_same_images_and_the_next_draw_others():
    x = torch.rand(4, 1, 8, 8)
    before = x.clone()
    torch.manual_seed(3)
    first, second = augmented(x, 10.0, 0.1), augmented(x, 10.0, 0.1)
    torch.manual_seed(3)
    assert torch.equal(augmented(x, 10.0, 0.1), first)
    assert not torch.equal(first, second)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("rotation", "shift"), [(10.0, 0.0), (0.0, 0.1)])
def test_one_range_alone_moves_by_it_alone(monkeypatch, rotation, shift):
    drawn = []
    monkeypatch.setattr(
        augmentation, "moved", lambda x, angles, shifts: drawn.extend([angles, shifts]) or x
    )
    augmented(torch.zeros(5, 1, 2, 2), rotation, shift)
    angles, shifts = drawn
    assert bool((angles != 0).any()) == (rotation > 0)
    assert bool((shifts != 0).any()) == (shift > 0)

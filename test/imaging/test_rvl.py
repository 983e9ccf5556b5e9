"""RVL depth: what an encoder after the paper writes, comes back."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.imaging.decode import decode_compressed_depth
from vlm_robot.imaging.rvl import decode_rvl
from vlm_robot.types import InputError


def groups(number):
    """Three bits at a time, lowest first; the fourth bit says that more follow."""
    while True:
        number, low = number >> 3, number & 7
        yield low | (8 if number else 0)
        if not number:
            return


def encode(pixels):
    """Plain and slow, pixel by pixel, after the paper's listing."""
    flat, nibbles, at, previous = pixels.ravel().tolist(), [], 0, 0
    while at < len(flat):
        start = at
        while at < len(flat) and flat[at] == 0:
            at += 1
        nibbles += groups(at - start)
        start = at
        while at < len(flat) and flat[at] != 0:
            at += 1
        nibbles += groups(at - start)
        for value in flat[start:at]:
            delta, previous = value - previous, value
            nibbles += groups((delta << 1) ^ (delta >> 31))
    nibbles += [0] * (-len(nibbles) % 8)
    words = ["".join(f"{n:x}" for n in nibbles[i : i + 8]) for i in range(0, len(nibbles), 8)]
    body = b"".join(struct.pack("<I", int(word, 16)) for word in words)
    return struct.pack("<II", pixels.shape[1], pixels.shape[0]) + body


depths = st.lists(
    st.one_of(st.just(0), st.integers(1, 65535), st.integers(990, 1010)), min_size=1, max_size=200
)


@given(depths)
def test_every_depth_comes_back(values):
    pixels = np.array([values], np.uint16)
    np.testing.assert_array_equal(decode_rvl(encode(pixels)), pixels)


def test_rows_and_columns_keep_their_places():
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 700
    np.testing.assert_array_equal(decode_rvl(encode(pixels)), pixels)


def test_compressed_depth_reads_it():
    pixels = np.array([[0, 1500], [2500, 0]], np.uint16)
    data = bytes(12) + encode(pixels)
    depth = decode_compressed_depth(data, "16UC1; compressedDepth rvl")
    np.testing.assert_allclose(depth, [[np.nan, 1.5], [2.5, np.nan]])


WHOLE = encode(np.arange(1, 401, dtype=np.uint16).reshape(20, 20))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "no size", id="empty"),
        pytest.param(struct.pack("<II", 0, 5), "size 0x5", id="no columns"),
        pytest.param(struct.pack("<II", 1 << 31, 1 << 31), "is broken", id="absurd size"),
        pytest.param(WHOLE[:60], "don't fit", id="cut"),
        pytest.param(WHOLE[:8], "cut short", id="no code"),
        pytest.param(WHOLE[:8] + b"\xff" * 40, "cut short", id="a number without end"),
        pytest.param(WHOLE[:8] + b"\x00" * 40, "don't fit", id="runs of nothing"),
    ],
)
def test_broken_code_is_refused(data, told):
    with pytest.raises(InputError, match=told):
        decode_rvl(data)


@given(st.binary(max_size=200))
def test_noise_brings_nothing_but_an_image_or_an_input_error(noise):
    try:
        decode_rvl(struct.pack("<II", 7, 5) + noise)
    except InputError:
        return

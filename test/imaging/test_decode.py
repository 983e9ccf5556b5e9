"""Bytes of image messages become pictures and depth, or one sentence says why not."""

import array
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.imaging.decode import (
    PIXEL_BYTES,
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
)
from vlm_robot.types import InputError

RNG = np.random.default_rng(1)
RGB = cv2.resize(RNG.integers(0, 255, (6, 8, 3), np.uint8), (64, 48))
WIDE = RGB.astype(np.uint16) * 257
GREY = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
FLAT = np.full((48, 64, 3), (180, 90, 40), np.uint8)


def raw(pixels, encoding, **changes):
    """The fields of an Image message that holds `pixels`."""
    pixels = np.ascontiguousarray(pixels)
    rows = pixels.reshape(len(pixels), -1).view(np.uint8)
    fields = {"data": pixels.tobytes(), "width": 64, "height": 48, "step": rows.shape[1]}
    return fields | {"encoding": encoding} | changes


def bayer(pattern):
    """A mosaic of FLAT: each pixel holds the colour that `pattern` names at its place."""
    mosaic = np.zeros((48, 64), np.uint8)
    for place, colour in enumerate(pattern):
        mosaic[place // 2 :: 2, place % 2 :: 2] = FLAT[0, 0, "rgb".index(colour)]
    return mosaic


def yuv(code):
    """FLAT as packed YUV (yuyv or uyvy)."""
    luma, cr, cb = cv2.cvtColor(FLAT[:1, :1], cv2.COLOR_RGB2YCrCb)[0, 0].astype(float)
    studio = 16 + luma * 219 / 255
    cells = {"y": studio, "u": 128 + (cb - 128) * 224 / 255, "v": 128 + (cr - 128) * 224 / 255}
    row = np.array([[round(cells[letter]) for letter in code]] * 32, np.uint8).ravel()
    return np.tile(row, (48, 1))


def nv(code):
    packed = yuv("y" + code[0] + "y" + code[1])
    return np.vstack([np.full((48, 64), packed[0, 0]), np.tile(packed[0, 1::2], (24, 1))])


EXACT = [
    pytest.param(raw(RGB, "rgb8"), RGB, id="rgb8"),
    pytest.param(raw(RGB[..., ::-1], "bgr8"), RGB, id="bgr8"),
    pytest.param(raw(cv2.cvtColor(RGB, cv2.COLOR_RGB2RGBA), "rgba8"), RGB, id="rgba8"),
    pytest.param(raw(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGRA), "bgra8"), RGB, id="bgra8"),
    pytest.param(raw(RGB[..., ::-1], "8UC3"), RGB, id="8UC3, as OpenCV has it"),
    pytest.param(raw(GREY, "mono8"), np.dstack([GREY] * 3), id="mono8"),
    pytest.param(raw(GREY, "8UC1"), np.dstack([GREY] * 3), id="8UC1"),
    pytest.param(raw(WIDE, "rgb16"), RGB, id="rgb16"),
    pytest.param(raw(WIDE[..., ::-1], "bgr16"), RGB, id="bgr16"),
    pytest.param(raw(cv2.cvtColor(WIDE, cv2.COLOR_RGB2RGBA), "rgba16"), RGB, id="rgba16"),
    pytest.param(raw(cv2.cvtColor(WIDE, cv2.COLOR_RGB2BGRA), "bgra16"), RGB, id="bgra16"),
    pytest.param(raw(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGRA), "8UC4"), RGB, id="8UC4"),
    pytest.param(raw(GREY * np.uint16(257), "mono16"), np.dstack([GREY] * 3), id="mono16"),
    pytest.param(
        raw((GREY * np.uint16(257)).byteswap(), "mono16", is_bigendian=True),
        np.dstack([GREY] * 3),
        id="mono16, big-endian",
    ),
    pytest.param(raw(GREY * np.uint16(257), "16UC1"), np.dstack([GREY] * 3), id="16UC1"),
]
NEAR = [
    *[
        pytest.param(raw(bayer(pattern), f"bayer_{pattern}8"), id=f"bayer_{pattern}8")
        for pattern in ("rggb", "bggr", "gbrg", "grbg")
    ],
    *[
        pytest.param(
            raw(bayer(pattern) * np.uint16(257), f"bayer_{pattern}16"), id=f"bayer_{pattern}16"
        )
        for pattern in ("rggb", "bggr", "gbrg", "grbg")
    ],
    *[pytest.param(raw(yuv("uyvy"), name), id=name) for name in ("uyvy", "yuv422")],
    *[pytest.param(raw(yuv("yuyv"), name), id=name) for name in ("yuyv", "yuv422_yuy2")],
    pytest.param(raw(nv("uv"), "nv12"), id="nv12"),
    pytest.param(raw(nv("vu"), "nv21"), id="nv21"),
]


@pytest.mark.parametrize(("fields", "expected"), EXACT)
def test_every_encoding_becomes_rgb(fields, expected):
    np.testing.assert_allclose(decode_image(**fields).astype(int), expected, atol=1)


@pytest.mark.parametrize("fields", NEAR)
def test_camera_encodings_bring_the_colour_back(fields):
    inner = decode_image(**fields)[2:-2, 2:-2].astype(int)
    np.testing.assert_allclose(inner, np.broadcast_to(FLAT[0, 0], inner.shape), atol=4)


def test_every_known_encoding_is_tested():
    tested = {case.values[0]["encoding"] for case in EXACT + NEAR}
    assert set(PIXEL_BYTES) == tested


@pytest.mark.parametrize("fields", [case.values[0] for case in EXACT + NEAR])
def test_pictures_are_read_only_rgb(fields):
    image = decode_image(**fields)
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert not image.flags.writeable


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, "array", "numpy"])
def test_data_may_be_any_buffer(kind):
    fields = raw(RGB, "rgb8")
    data = fields["data"]
    if kind == "array":
        fields["data"] = array.array("B", data)
    else:
        fields["data"] = np.frombuffer(data, np.uint8) if kind == "numpy" else kind(data)
    np.testing.assert_array_equal(decode_image(**fields), RGB)


def test_rgb8_is_not_copied():
    buffer = np.frombuffer(RGB.tobytes(), np.uint8)
    assert np.shares_memory(decode_image(**raw(RGB, "rgb8", data=buffer)), buffer)


@pytest.mark.parametrize("fields", [case.values[0] for case in EXACT + NEAR])
def test_padding_at_the_ends_of_rows_is_left_out(fields):
    rows = len(fields["data"]) // fields["step"]
    data = np.frombuffer(fields["data"], np.uint8).reshape(rows, -1)
    padded = np.hstack([data, np.full((rows, 6), 99, np.uint8)])
    wider = fields | {"data": padded.tobytes(), "step": padded.shape[1]}
    np.testing.assert_array_equal(decode_image(**wider), decode_image(**fields))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"step": 64}, "step is 64, but a row of 64 rgb8 pixels has 192", id="step"),
        pytest.param({"step": 0}, "step is 0", id="step of zero"),
        pytest.param({"width": 0}, "size 0x48", id="no width"),
        pytest.param({"height": 0}, "size 64x0", id="no height"),
        pytest.param({"data": b"123"}, "3 bytes, but 48 rows of step 192 are 9216", id="short"),
        pytest.param({"data": b""}, "0 bytes", id="no data"),
        pytest.param({"encoding": "jpeg"}, "'jpeg' isn't known; known are rgb8", id="encoding"),
        pytest.param({"encoding": ""}, "'' isn't known", id="no encoding"),
        pytest.param({"encoding": "32FC1"}, "set it as the camera's depth topic", id="depth"),
        pytest.param({"encoding": "nv12", "height": 47}, "even width and height", id="odd nv12"),
        pytest.param({"encoding": "uyvy", "width": 63}, "can't convert a 63x48", id="odd uyvy"),
    ],
)
def test_what_is_wrong_with_an_image_is_said(changes, told):
    with pytest.raises(InputError, match=told):
        decode_image(**(raw(RGB, "rgb8") | changes))


@given(st.binary(max_size=300), st.integers(0, 9), st.integers(0, 9), st.integers(0, 40),
       st.sampled_from(sorted(PIXEL_BYTES)))  # fmt: skip
def test_no_fields_bring_anything_but_a_picture_or_an_input_error(data, width, height, step, code):
    try:
        image = decode_image(data, width=width, height=height, step=step, encoding=code)
    except InputError:
        return
    assert image.shape == (height, width, 3)


def encoded(extension, pixels):
    return cv2.imencode(extension, pixels)[1].tobytes()


JPEG = encoded(".jpg", RGB[..., ::-1])
PNG = encoded(".png", RGB[..., ::-1])


def test_png_is_exact_and_jpeg_near():
    np.testing.assert_array_equal(decode_compressed(PNG), RGB)
    assert np.abs(decode_compressed(JPEG).astype(int) - RGB).mean() < 6


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded(".png", GREY), id="grey PNG"),
        pytest.param(encoded(".jpg", GREY), id="grey JPEG"),
        pytest.param(encoded(".png", GREY * np.uint16(257)), id="16-bit PNG"),
        pytest.param(encoded(".png", cv2.cvtColor(RGB, cv2.COLOR_RGB2RGBA)), id="PNG with alpha"),
        pytest.param(encoded(".webp", RGB), id="WebP"),
        pytest.param(JPEG + b"\x00" * 30, id="JPEG, padded by the camera"),
    ],
)
def test_compressed_pictures_are_read_only_rgb(data):
    image = decode_compressed(data)
    assert image.shape == (48, 64, 3)
    assert not image.flags.writeable


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "no data", id="empty"),
        pytest.param(JPEG[:-100], "cut short", id="JPEG without its end"),
        pytest.param(JPEG[:60], "cut short", id="JPEG header only"),
        pytest.param(PNG[: len(PNG) // 2], "cut short", id="half a PNG"),
        pytest.param(b"hello world" * 9, "can't be decoded", id="text"),
        pytest.param(JPEG[:2] + JPEG[200:], "can't be decoded", id="JPEG without tables"),
    ],
)
def test_broken_compressed_pictures_are_refused(data, told):
    with pytest.raises(InputError, match=told):
        decode_compressed(data, "jpeg")


MM = RNG.integers(300, 9000, (48, 64)).astype(np.uint16)
MM[5:9, 7:20] = 0
METRES = np.where(MM == 0, np.nan, MM / 1000).astype(np.float32)
FLOATS = np.where(MM == 0, 0, MM / 1000).astype(np.float32)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(raw(MM, "16UC1"), id="millimetres"),
        pytest.param(raw(MM, "mono16"), id="millimetres as mono16"),
        pytest.param(raw(MM.byteswap(), "16UC1", is_bigendian=True), id="big-endian"),
        pytest.param(raw(METRES, "32FC1"), id="metres with NaN"),
        pytest.param(raw(FLOATS, "32FC1"), id="metres with zeros"),
        pytest.param(
            raw(np.where(MM == 0, np.float32(np.inf), METRES), "32FC1"), id="metres with inf"
        ),
        pytest.param(raw(np.where(MM == 0, np.float32(-1), METRES), "32FC1"), id="metres with -1"),
    ],
)
def test_depth_is_metres_with_nan_where_nothing_was_measured(fields):
    depth = decode_depth(**fields)
    np.testing.assert_allclose(depth, METRES, rtol=1e-6)
    assert depth.dtype == np.float32
    assert not depth.flags.writeable


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"encoding": "rgb8"}, "depth encoding 'rgb8' isn't known", id="a picture"),
        pytest.param({"encoding": "32FC1"}, "step is 128, but a row of 64 32FC1", id="step"),
        pytest.param({"data": b"12"}, "cut short", id="short"),
        pytest.param({"width": 0}, "sent it empty", id="empty"),
    ],
)
def test_what_is_wrong_with_depth_is_said(changes, told):
    with pytest.raises(InputError, match=told):
        decode_depth(**(raw(MM, "16UC1") | changes))


def with_header(body, a=0.0, b=0.0):
    return struct.pack("<iff", 0, a, b) + body


def inverse_depth(a=50.0, b=-4.0):
    """As the compressedDepth transport quantises metres."""
    return np.where(MM == 0, 0, a / np.where(MM == 0, 1, FLOATS) + b).astype(np.uint16)


def test_compressed_depth_in_millimetres_is_exact():
    depth = decode_compressed_depth(with_header(encoded(".png", MM)), "16UC1; compressedDepth png")
    np.testing.assert_allclose(depth, METRES, rtol=1e-6)


def test_plain_png_of_depth_is_read():
    np.testing.assert_allclose(
        decode_compressed_depth(encoded(".png", MM), "16UC1; png compressed "), METRES, rtol=1e-6
    )


def test_compressed_depth_of_floats_is_near():
    a, b = 5000.0, -4.0
    body = encoded(".png", inverse_depth(a, b))
    depth = decode_compressed_depth(with_header(body, a, b), "32FC1; compressedDepth")
    np.testing.assert_allclose(depth, METRES, rtol=0.003)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "has no data", id="empty"),
        pytest.param(with_header(b""), "has no data", id="header only"),
        pytest.param(with_header(JPEG), "neither PNG nor RVL", id="a JPEG"),
        pytest.param(with_header(PNG), "one channel of 16 bits", id="a coloured PNG"),
        pytest.param(with_header(encoded(".png", MM)[:-50]), "cut short", id="half a PNG"),
    ],
)
def test_broken_compressed_depth_is_refused(data, told):
    with pytest.raises(InputError, match=told):
        decode_compressed_depth(data, "16UC1; compressedDepth png")

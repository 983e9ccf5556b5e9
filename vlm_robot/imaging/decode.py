"""Images and depth from the bytes of sensor_msgs/Image and CompressedImage.

Arguments are the messages' plain fields, so that the node and the replay share this. rosbags-image
converts colours by encoding; what it leaves out is checked and mended here: padded rows, sizes
that don't fit the data, the two planes of nv12, and JPEGs cut short.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.image import ImageError, message_to_cvimage

from vlm_robot.imaging.rvl import decode_rvl
from vlm_robot.types import Image, InputError

Depth = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PIXEL_BYTES: Mapping[str, int] = MappingProxyType(
    {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "mono16": 2}
    | {"rgb16": 6, "bgr16": 6, "rgba16": 8, "bgra16": 8}
    | {f"bayer_{pattern}8": 1 for pattern in ("rggb", "bggr", "gbrg", "grbg")}
    | {f"bayer_{pattern}16": 2 for pattern in ("rggb", "bggr", "gbrg", "grbg")}
    | {"yuv422": 2, "uyvy": 2, "yuv422_yuy2": 2, "yuyv": 2, "nv12": 1, "nv21": 1}
    | {"8UC1": 1, "8UC3": 3, "8UC4": 4, "16UC1": 2}
)
"""Bytes a pixel of every encoding that can be shown."""

_ALIKE = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8", "16UC1": "mono16"}
"""Encodings without a colour order, read as OpenCV orders it."""
_PLANAR = ("nv12", "nv21")
_DEPTH_BYTES = {"16UC1": 2, "mono16": 2, "32FC1": 4}
_MILLIMETRE = np.float32(0.001)
_PNG_START = b"\x89PNG"


def decode_image(
    data: Any, *, width: int, height: int, step: int, encoding: str, is_bigendian: bool = False
) -> Image:
    """Turn the fields of sensor_msgs/Image into a picture.

    Args:
        data: bytes, array.array or uint8 array. rgb8 isn't copied: the picture shares its memory.
        step: bytes from one row to the next.

    Returns:
        (height, width, 3) uint8 RGB, read-only. 16 bits are scaled to 8.

    Raises:
        InputError: the encoding isn't known, or size, step and data don't fit each other.
    """
    if encoding not in PIXEL_BYTES:
        raise InputError(_unknown(encoding))
    rows = height + height // 2 if encoding in _PLANAR else height
    if encoding in _PLANAR and (height % 2 or width % 2):
        raise InputError(f"an {encoding} image needs an even width and height: {width}x{height}")
    pixels = _rows(data, width, height, rows, step, PIXEL_BYTES[encoding], encoding)
    if encoding == "rgb8":
        image = pixels.reshape(height, width, 3)
    elif encoding in _PLANAR:
        image = cv2.cvtColor(pixels, getattr(cv2, f"COLOR_YUV2RGB_{encoding.upper()}"))
    else:
        image = _converted(pixels, width, height, _ALIKE.get(encoding, encoding), is_bigendian)
    return _frozen(image)


def _unknown(encoding: str) -> str:
    if encoding in _DEPTH_BYTES:
        return (
            f"an image of encoding '{encoding}' holds depth, not a picture:"
            " set it as the camera's depth topic"
        )
    return f"image encoding '{encoding}' isn't known; known are {', '.join(PIXEL_BYTES)}"


def _rows(
    data: Any, width: int, height: int, rows: int, step: int, pixel_bytes: int, encoding: str
) -> Bytes:
    """(rows, width * pixel_bytes) bytes, without the padding at the ends of rows."""
    if width <= 0 or height <= 0:
        raise InputError(f"the image has size {width}x{height}: the driver sent it empty")
    if step < width * pixel_bytes:
        raise InputError(
            f"the image's step is {step}, but a row of {width} {encoding} pixels has"
            f" {width * pixel_bytes} bytes: mend the driver that publishes it"
        )
    flat = np.frombuffer(data, np.uint8)
    if len(flat) < step * rows:
        raise InputError(
            f"the image's data has {len(flat)} bytes, but {rows} rows of step {step} are"
            f" {step * rows}: it was cut short"
        )
    return flat[: step * rows].reshape(rows, step)[:, : width * pixel_bytes]


def _converted(pixels: Bytes, width: int, height: int, encoding: str, is_bigendian: bool) -> Any:
    message = SimpleNamespace(
        width=width,
        height=height,
        encoding=encoding,
        is_bigendian=is_bigendian,
        data=np.ascontiguousarray(pixels),
    )
    try:
        return message_to_cvimage(message, "rgb8")  # type: ignore[arg-type]
    except (ImageError, cv2.error) as error:
        raise InputError(
            f"can't convert a {width}x{height} image of encoding '{encoding}' to RGB: {error}"
        ) from error


def _frozen(image: Any) -> Image:
    array = np.ascontiguousarray(image, dtype=np.uint8)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def decode_compressed(data: Any, image_format: str = "") -> Image:
    """Turn the data of sensor_msgs/CompressedImage into a picture.

    Rotation tags are left alone: camera_info is of the picture as the sensor took it.

    Args:
        data: a JPEG, PNG, WebP or other file that OpenCV reads.
        image_format: the message's format; only for the error.

    Returns:
        (height, width, 3) uint8 RGB, read-only.

    Raises:
        InputError: the data isn't a picture, or was cut short.
    """
    image = _imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, image_format)
    return _frozen(image)


def _imdecode(data: Any, flags: int, image_format: str) -> NDArray[Any]:
    flat = np.frombuffer(data, np.uint8)
    kind = f" of format '{image_format}'" if image_format else ""
    if not flat.size:
        raise InputError(f"a compressed image{kind} has no data")
    if _cut_short(flat):
        raise InputError(f"a compressed image{kind} was cut short after {flat.size} bytes")
    try:
        image = cv2.imdecode(flat, flags)
    except cv2.error as error:
        raise InputError(f"a compressed image{kind} can't be decoded: {error}") from error
    if image is None:
        raise InputError(
            f"a compressed image{kind} of {flat.size} bytes can't be decoded:"
            " it is broken, or not a format that OpenCV reads (JPEG, PNG, WebP)"
        )
    return np.asarray(image)


def _cut_short(flat: Bytes) -> bool:
    """Older OpenCVs fill what is missing of a JPEG with grey; some cameras pad after its end."""
    start = flat[:4].tobytes()
    if start[:2] == b"\xff\xd8":
        return not flat[-1024:].tobytes().rstrip(b"\x00").endswith(b"\xff\xd9")
    return start == _PNG_START and b"IEND" not in flat[-1024:].tobytes()


def decode_depth(
    data: Any, *, width: int, height: int, step: int, encoding: str, is_bigendian: bool = False
) -> Depth:
    """Turn the fields of a depth sensor_msgs/Image into depth.

    Args:
        data: bytes, array.array or uint8 array.
        encoding: 16UC1 or mono16 (millimetres), or 32FC1 (metres), as REP 118 has it.

    Returns:
        (height, width) float32, metres, read-only; NaN where nothing was measured.

    Raises:
        InputError: as for `decode_image`.
    """
    if encoding not in _DEPTH_BYTES:
        raise InputError(
            f"depth encoding '{encoding}' isn't known; known are {', '.join(_DEPTH_BYTES)}"
        )
    pixel_bytes = _DEPTH_BYTES[encoding]
    pixels = np.ascontiguousarray(_rows(data, width, height, height, step, pixel_bytes, encoding))
    order = ">" if is_bigendian else "<"
    return _metres(pixels.view(f"{order}{'f4' if encoding == '32FC1' else 'u2'}"))


def _metres(values: NDArray[Any]) -> Depth:
    """Integers are millimetres. Zero, negative and infinite values become NaN."""
    if values.dtype.kind == "f":
        depth = values.astype(np.float32)
        depth[~((depth > 0) & (depth < np.inf))] = np.nan
    else:
        depth = np.multiply(values, _MILLIMETRE, dtype=np.float32)
        depth[values == 0] = np.nan
    depth.flags.writeable = False
    return depth


_HEADER = np.dtype([("kind", "<i4"), ("quant_a", "<f4"), ("quant_b", "<f4")])


def decode_compressed_depth(data: Any, image_format: str) -> Depth:
    """Turn a depth CompressedImage into depth.

    The `compressedDepth` transport puts 12 bytes before a 16-bit PNG or RVL: a kind and two
    parameters, by which 32FC1 was quantised as inverse depth (`a / value + b` undoes it). Plain
    16-bit PNG in millimetres is read too.

    Args:
        image_format: the message's format, such as '32FC1; compressedDepth png'.

    Returns:
        (height, width) float32, metres, read-only; NaN where nothing was measured.

    Raises:
        InputError: the data isn't depth, or was cut short.
    """
    flat = np.frombuffer(data, np.uint8)
    if flat[:4].tobytes() == _PNG_START:
        return _metres(_integers(_imdecode(flat, cv2.IMREAD_UNCHANGED, image_format), image_format))
    if flat.size <= _HEADER.itemsize:
        raise InputError(f"compressed depth of format '{image_format}' has no data")
    header = flat[: _HEADER.itemsize].view(_HEADER)[0]
    body = flat[_HEADER.itemsize :]
    if body[:4].tobytes() == _PNG_START:
        values = _integers(_imdecode(body, cv2.IMREAD_UNCHANGED, image_format), image_format)
    elif "rvl" in image_format.lower():
        values = decode_rvl(body)
    else:
        raise InputError(
            f"compressed depth of format '{image_format}' holds neither PNG nor RVL:"
            " publish it through the compressedDepth transport"
        )
    if not image_format.lstrip().startswith("32FC1"):
        return _metres(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = header["quant_a"] / (values.astype(np.float32) - header["quant_b"])
    metres[values == 0] = np.nan
    return _metres(metres)


def _integers(values: NDArray[Any], image_format: str) -> NDArray[Any]:
    if values.ndim != 2 or values.dtype != np.uint16:
        raise InputError(
            f"compressed depth of format '{image_format}' must be one channel of 16 bits,"
            f" got shape {values.shape} of {values.dtype}: lossy or colour images hold no depth"
        )
    return values

"""Make the packaged household meshes loadable: one light .npz and 512 px PNGs for each.

The packages' own MJCF has traps: joints on bodies without mass, textures named twice,
unknown elements, absolute paths, 4096 px textures. All that a picture needs is kept.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.assets.mesh import Floats, Ints, Paint, Part, save_parts, stand_on_floor

FOLDERS = (
    "stable_hope_objects",
    "stable_scanned_objects",
    "turbosquid_objects",
    "custom_objects",
    "articulated_objects",
)
TEXTURE_SIZE = 512
FACES_MOST = 6500
_STRIPPED = ("joint", "region", "actuator", "sensor")


def mesh_files(assets: Path) -> dict[str, Path]:
    """Name and MJCF file of each object in the packages' folder `assets`."""
    files = {}
    for folder in FOLDERS:
        for file in sorted((assets / folder).glob("**/*.xml")):
            if file.parent.name in (file.stem, folder):
                files[file.stem] = file
    return files


def bake_mesh(name: str, file: Path, out: Path) -> None:
    """Write `out`/`name`.npz and its textures.

    Raises:
        ValueError: MuJoCo can't load the file, or it shows nothing.
    """
    model = _load(file)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    parts = [_part(model, data, geom, name, out) for geom in _visual_geoms(model)]
    if not parts:
        raise ValueError(f"{file} shows no mesh")
    save_parts(out / f"{name}.npz", stand_on_floor(parts))


def _load(file: Path) -> Any:
    try:
        return mujoco.MjModel.from_xml_path(str(file))
    except ValueError:
        root = ET.parse(file).getroot()
    for parent in root.iter():
        for child in list(parent):
            if child.tag in _STRIPPED:
                parent.remove(child)
    for asset in root.findall("asset"):
        seen = set()
        for child in list(asset):
            key = (child.tag, child.get("name"))
            if key in seen:
                asset.remove(child)
            seen.add(key)
    text = re.sub(
        r'file="([^"/][^"]*)"',
        lambda found: f'file="{(file.parent / found.group(1)).resolve()}"',
        ET.tostring(root).decode(),
    )
    return mujoco.MjModel.from_xml_string(text)


def _visual_geoms(model: Any) -> list[int]:
    mesh = int(mujoco.mjtGeom.mjGEOM_MESH)
    return [
        geom
        for geom in range(model.ngeom)
        if model.geom_type[geom] == mesh
        and model.geom_rgba[geom, 3] > 0.5
        and (model.geom_group[geom] == 1 or model.geom_contype[geom] == 0)
    ]


def _part(model: Any, data: Any, geom: int, name: str, out: Path) -> Part:
    mesh = model.geom_dataid[geom]
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    local = model.mesh_vert[first : first + count]
    vertices = local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
    first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    faces = model.mesh_face[first : first + count]
    corner_uv = np.zeros((count * 3, 2))
    texcoord = model.mesh_texcoordadr[mesh]
    if texcoord >= 0:
        uv = model.mesh_texcoord[texcoord : texcoord + model.mesh_texcoordnum[mesh]]
        corner_uv = uv[model.mesh_facetexcoord[first : first + count].reshape(-1)]
    for resolution, uv_cells in ((60, 24), (48, 16), (40, 10), (34, 8), (30, 6)):
        if count <= 2500:
            resolution, uv_cells = 100_000, 512
        merged = _cluster(vertices[faces.reshape(-1)], corner_uv, resolution, uv_cells)
        if len(merged[2]) <= FACES_MOST:
            break
    return Part(merged[0], merged[2], merged[1], _paint(model, geom, name, out))


def _cluster(
    corners: Floats, corner_uv: Floats, resolution: int, uv_cells: int
) -> tuple[Floats, Floats, Ints]:
    """Merge corners that share a position cell and a UV cell.

    The position is averaged over the position cell alone, so that seams don't crack.
    """
    low = corners.min(axis=0)
    cell = max(float((corners.max(axis=0) - low).max()) / resolution, 1e-9)
    keys = np.concatenate(
        [np.round((corners - low) / cell), np.round(corner_uv * uv_cells)], axis=1
    ).astype(np.int64)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    _, place = np.unique(unique[:, :3], axis=0, return_inverse=True)
    positions = _mean_by(place.reshape(-1)[inverse], corners)[place.reshape(-1)]
    uv = _mean_by(inverse, corner_uv)
    faces = inverse.reshape(-1, 3)
    proper = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    )
    return positions, uv, np.unique(faces[proper], axis=0)


def _mean_by(groups: NDArray[np.integer[Any]], values: Floats) -> Floats:
    count = np.bincount(groups)
    sums = [np.bincount(groups, weights=values[:, axis]) for axis in range(values.shape[1])]
    return np.stack(sums, axis=1) / count[:, None]


def _paint(model: Any, geom: int, name: str, out: Path) -> Paint:
    material = model.geom_matid[geom]
    if material < 0:
        red, green, blue, alpha = model.geom_rgba[geom].tolist()
        return Paint((red, green, blue, alpha))
    red, green, blue, alpha = model.mat_rgba[material].tolist()
    texture = int(model.mat_texid[material].max())
    file = f"{name}_{texture}.png" if texture >= 0 else ""
    if file and not (out / file).exists():
        cv2.imwrite(str(out / file), _texture(model, texture))
    repeat = model.mat_texrepeat[material].tolist()
    return Paint((red, green, blue, alpha), file, (repeat[0], repeat[1]))


def _texture(model: Any, texture: int) -> NDArray[np.uint8]:
    height, width = model.tex_height[texture], model.tex_width[texture]
    channels, first = model.tex_nchannel[texture], model.tex_adr[texture]
    flat = model.tex_data[first : first + height * width * channels]
    image = flat.reshape(height, width, channels)[:, :, :3]
    if model.tex_type[texture] == int(mujoco.mjtTexture.mjTEXTURE_CUBE):
        image = image[:width]
    small: NDArray[np.uint8] = cv2.resize(
        image, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_AREA
    )
    return small[:, :, ::-1]

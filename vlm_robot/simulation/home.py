"""A home in MuJoCo: compiled once, then rearranged for every picture.

Things that aren't in the picture are hidden by their geom group; those that are get a pose.
Only kinematics run: nothing falls, so that a layout is exactly what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.assets.mesh import Floats, Part
from vlm_robot.simulation.camera import Camera
from vlm_robot.simulation.catalog import Solid
from vlm_robot.simulation.textures import Bank

SHOWN, HIDDEN = 1, 5
LIGHTS = 3
ROOM_PANELS = ((12.0, 2.5),) * 4 + ((12.0, 12.0),)
"""Width and height of the panels that make a room of any size: they overlap outside of it."""
WALL_HEIGHT = 2.5


@dataclass(frozen=True)
class Pose:
    """Where a solid stands: its foot's centre in the world (metres) and its turn about z."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0

    def place(self, points: Floats) -> Floats:
        """(N, 3) points of the solid's own frame in the world."""
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        placed: Floats = points @ turn.T + [self.x, self.y, self.z]
        return placed


@dataclass(frozen=True)
class Panel:
    """Where a wall or ceiling is, and the way it faces; it is seen from that side alone.

    `paint` is an index into the bank's walls; None: the room's.
    """

    middle: tuple[float, float, float]
    normal: tuple[float, float, float]
    paint: int | None = None

    def quaternion(self) -> Floats:
        """(4,) wxyz that turns a plane's z to `normal`, its y upright."""
        up = np.array([0.0, 1.0, 0.0] if abs(self.normal[2]) > 0.5 else [0.0, 0.0, 1.0])
        across = np.cross(up, self.normal)
        flat = np.stack([across, np.cross(self.normal, across), self.normal], axis=1).reshape(9)
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, flat)
        return quaternion


@dataclass(frozen=True)
class Slab:
    """A box of the room itself, such as a counter. Middle and full size, metres.

    `paint` is an index into the bank's floors; None: the room's counter.
    """

    middle: tuple[float, float, float]
    size: tuple[float, float, float]
    paint: int | None = None


@dataclass(frozen=True)
class Light:
    """A lamp without a body: place, aim, colour 0..1, and whether it throws shadows."""

    position: tuple[float, float, float]
    aim: tuple[float, float, float]
    colour: tuple[float, float, float]
    shadow: bool


@dataclass(frozen=True)
class Room:
    """What surrounds the things.

    Attributes:
        walls: walls and ceiling, painted with the wall's texture.
        counters: boxes painted with the third texture.
        floor, wall, counter: indices into the bank's floors, walls and floors.
        lights: at most LIGHTS.
        ambient: light from everywhere, 0..1.
        headlight: light from the camera, 0..1.
    """

    walls: tuple[Panel, ...]
    counters: tuple[Slab, ...]
    floor: int
    wall: int
    counter: int
    lights: tuple[Light, ...]
    ambient: float
    headlight: float


@dataclass(frozen=True)
class View:
    """What a camera sees.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        owner: (H, W) int32, index of the solid that each pixel shows, -1 for the room.
        depth: (H, W) float32 metres along z, or None if it wasn't asked for.
    """

    image: NDArray[np.uint8]
    owner: NDArray[np.int32]
    depth: NDArray[np.float32] | None = None


class Home:
    """A compiled model that holds `solids`; `arrange` and `view` show some of them.

    `walls` are the width and height of each panel in metres: MuJoCo fixes a plane's size when
    it compiles, so that a `Panel` of a `Room` moves and turns only.

    Use it as a context manager, or call `close`: the renderer holds a GL context.
    """

    def __init__(
        self,
        solids: Sequence[Solid],
        bank: Bank,
        *,
        width: int,
        height: int,
        walls: Sequence[tuple[float, float]] = ROOM_PANELS,
        counters: int = 1,
    ) -> None:
        self.solids = tuple(solids)
        self.bank = bank
        spec = _empty_spec(width, height)
        surfaces = _surfaces(spec, bank)
        _add_room(spec, walls, counters)
        for index, solid in enumerate(self.solids):
            _add_solid(spec, index, solid)
        self._model: Any = spec.compile()
        self._data: Any = mujoco.MjData(self._model)
        self._index(surfaces, len(walls), counters)
        self._renderer: Any = mujoco.Renderer(self._model, height, width)
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = [1, 1, 1, 1, 1, 0]
        self._shadows = True

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the GL context."""
        self._renderer.close()

    def _index(self, surfaces: list[str], walls: int, counters: int) -> None:
        model = self._model
        self._bodies = [model.body(f"solid{i}").id for i in range(len(self.solids))]
        self._geoms = [np.flatnonzero(model.geom_bodyid == body) for body in self._bodies]
        self._owner_of_body = np.full(model.nbody, -1, np.int32)
        self._owner_of_body[self._bodies] = np.arange(len(self.solids), dtype=np.int32)
        self._floor = model.geom("floor").id
        self._walls = [model.geom(f"wall{i}").id for i in range(walls)]
        self._counters = [model.geom(f"counter{i}").id for i in range(counters)]
        self._material = {name: model.material(name).id for name in surfaces}
        self._eye = model.camera("eye").id

    def arrange(self, room: Room, poses: dict[int, Pose]) -> None:
        """Show `room` with the solids in `poses` (index into `solids`), and hide the others."""
        model = self._model
        for index, geoms in enumerate(self._geoms):
            model.geom_group[geoms] = SHOWN if index in poses else HIDDEN
        for index, pose in poses.items():
            body = self._bodies[index]
            model.body_pos[body] = (pose.x, pose.y, pose.z)
            model.body_quat[body] = (np.cos(pose.yaw / 2), 0, 0, np.sin(pose.yaw / 2))
        self._paint(room)
        self._light(room)
        mujoco.mj_kinematics(model, self._data)

    def _paint(self, room: Room) -> None:
        model = self._model
        model.geom_matid[self._floor] = self._material[f"floor{room.floor}"]
        for index, geom in enumerate(self._walls):
            model.geom_group[geom] = SHOWN if index < len(room.walls) else HIDDEN
            if index < len(room.walls):
                panel = room.walls[index]
                model.geom_pos[geom] = panel.middle
                model.geom_quat[geom] = panel.quaternion()
                paint = room.wall if panel.paint is None else panel.paint
                model.geom_matid[geom] = self._material[f"wall{paint}"]
        for index, geom in enumerate(self._counters):
            model.geom_group[geom] = SHOWN if index < len(room.counters) else HIDDEN
            if index < len(room.counters):
                slab = room.counters[index]
                half = np.asarray(slab.size) / 2
                paint = room.counter if slab.paint is None else slab.paint
                model.geom_pos[geom] = slab.middle
                model.geom_size[geom] = half
                model.geom_rbound[geom] = np.linalg.norm(half)
                model.geom_matid[geom] = self._material[f"floor{paint}"]

    def _light(self, room: Room) -> None:
        model = self._model
        self._shadows = any(light.shadow for light in room.lights)
        for index in range(LIGHTS):
            on = index < len(room.lights)
            model.light_active[index] = on
            if on:
                light = room.lights[index]
                model.light_pos[index] = light.position
                aim = np.asarray(light.aim) - light.position
                model.light_dir[index] = aim / np.linalg.norm(aim)
                model.light_diffuse[index] = light.colour
                model.light_castshadow[index] = light.shadow
        model.vis.headlight.ambient[:] = room.ambient
        model.vis.headlight.diffuse[:] = room.headlight

    def view(self, camera: Camera, *, depth: bool = False) -> View:
        """Render what `camera` sees of the current arrangement."""
        model, data, renderer = self._model, self._data, self._renderer
        model.cam_pos[self._eye] = camera.position
        flat = (camera.rotation @ np.diag([1.0, -1.0, -1.0])).reshape(9)
        mujoco.mju_mat2Quat(model.cam_quat[self._eye], flat)
        model.cam_fovy[self._eye] = camera.fovy
        mujoco.mj_camlight(model, data)
        renderer.update_scene(data, "eye", self._options)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self._shadows
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        image = renderer.render().copy()
        renderer.enable_segmentation_rendering()
        ids = renderer.render()
        renderer.disable_segmentation_rendering()
        is_geom = ids[..., 1] == int(mujoco.mjtObj.mjOBJ_GEOM)
        geom = np.where(is_geom, ids[..., 0], 0)
        owner = np.where(is_geom, self._owner_of_body[model.geom_bodyid[geom]], -1)
        distance = None
        if depth:
            renderer.enable_depth_rendering()
            distance = renderer.render().astype(np.float32)
            renderer.disable_depth_rendering()
        return View(image, owner.astype(np.int32), distance)


def _empty_spec(width: int, height: int) -> Any:
    spec = mujoco.MjSpec()
    spec.visual.quality.shadowsize = 512
    spec.visual.quality.offsamples = 4
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 40.0
    spec.stat.extent = 1.0
    spec.stat.center = [0, 0, 0]
    spec.worldbody.add_camera(name="eye", pos=[0, 0, 1], fovy=50)
    for index in range(LIGHTS):
        spec.worldbody.add_light(
            name=f"light{index}", pos=[0, 0, 2], dir=[0, 0, -1], castshadow=index == 0,
            cutoff=85, exponent=4, attenuation=[1, 0, 0], ambient=[0, 0, 0],
        )  # fmt: skip
    return spec


def _surfaces(spec: Any, bank: Bank) -> list[str]:
    names = []
    for family, files in (("floor", bank.floors), ("wall", bank.walls)):
        for index, file in enumerate(files):
            name = f"{family}{index}"
            _add_texture(spec, file)
            repeat = 0.5 + 0.35 * (index % 4)
            material = spec.add_material(
                name=name,
                texrepeat=[repeat, repeat],
                texuniform=True,
                specular=0.1,
                reflectance=0.0,
            )
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = file
            names.append(name)
    return names


def _add_texture(spec: Any, file: str) -> None:
    if spec.texture(file) is None:
        if not Path(file).exists():
            raise FileNotFoundError(f"the texture {file} is missing: draw or fetch it again")
        spec.add_texture(name=file, type=mujoco.mjtTexture.mjTEXTURE_2D, file=file)


def _add_room(spec: Any, walls: Sequence[tuple[float, float]], counters: int) -> None:
    world = spec.worldbody
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[12, 12, 0.1], material="floor0"
    )
    # A geom compiled at its body's own frame would ignore a later geom_pos or geom_quat.
    away = {"pos": [1, 1, 1], "quat": [0.6, 0.8, 0, 0], "contype": 0, "conaffinity": 0}
    for index, (width, height) in enumerate(walls):
        world.add_geom(
            name=f"wall{index}", type=mujoco.mjtGeom.mjGEOM_PLANE,
            size=[width / 2, height / 2, 0.1], material="wall0", **away,
        )  # fmt: skip
    for index in range(counters):
        world.add_geom(
            name=f"counter{index}", type=mujoco.mjtGeom.mjGEOM_BOX, size=[1, 1, 1],
            material="floor0", **(away | {"quat": [1, 0, 0, 0]}),
        )  # fmt: skip


def _add_solid(spec: Any, index: int, solid: Solid) -> None:
    body = spec.worldbody.add_body(name=f"solid{index}")
    for number, part in enumerate(solid.parts):
        name = f"solid{index}_{number}"
        _add_mesh(spec, name, part)
        paint = part.paint
        material = spec.add_material(
            name=name, rgba=paint.rgba, texrepeat=paint.repeat, specular=paint.shine, shininess=0.4
        )
        if paint.texture:
            _add_texture(spec, paint.texture)
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = paint.texture
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, material=name, group=HIDDEN,
            contype=0, conaffinity=0,
        )  # fmt: skip


def _add_mesh(spec: Any, name: str, part: Part) -> None:
    spec.add_mesh(
        name=name,
        uservert=part.vertices.ravel().tolist(),
        userface=part.faces.ravel().tolist(),
        usertexcoord=part.uv.ravel().tolist(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )

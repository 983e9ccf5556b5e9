"""Tune the embedded VLM: `python -m vlm_robot.training.vlm.train_vlm --scenes DIR --out RUN`.

`python -m vlm_robot.training.vlm.features` comes before it. The same command goes on where it
stopped; the steps are counted, not the time.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from vlm_robot.answering.embedded.language import language_file, load_language
from vlm_robot.answering.embedded.parts import read_parts
from vlm_robot.answering.embedded.tower import RegionTowerConfig
from vlm_robot.training.vlm.features import TOWER
from vlm_robot.training.vlm.material import Material
from vlm_robot.training.vlm.trainer import Trainer, TuneSettings


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    settings = TuneSettings(
        steps=options.steps,
        images=options.images,
        rank=options.rank,
        align_images=options.align_images,
        rate=options.rate,
        projector_rate=options.projector_rate,
        seed=options.seed,
    )
    material = Material(
        options.scenes,
        options.features,
        placed=options.placed,
        placed_features=options.placed_features,
        negatives=not options.no_negatives,
        most=options.most,
    )
    language, tokenizer = load_language(language_file(), torch.bfloat16)
    tower = RegionTowerConfig.from_pretrained(options.features / TOWER)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    start = read_parts(options.start) if options.start else None
    Trainer(language, tokenizer, tower, material, options.out, settings, start=start).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_vlm", description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="the training split's folder")
    parser.add_argument("--features", type=Path, required=True, help="the folder of its features")
    parser.add_argument("--placed", type=Path, help="a folder of scenes rendered with --depth")
    parser.add_argument("--placed-features", type=Path, help="the folder of their features")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, default=TuneSettings.steps, help="in all")
    parser.add_argument("--images", type=int, default=TuneSettings.images, help="at once")
    parser.add_argument("--rank", type=int, default=TuneSettings.rank, help="0: projector alone")
    parser.add_argument("--most", type=int, default=0, help="images to use; 0 for all")
    parser.add_argument("--align-images", type=int, default=TuneSettings.align_images)
    parser.add_argument("--rate", type=float, default=TuneSettings.rate, help="at its peak")
    parser.add_argument("--projector-rate", type=float, default=TuneSettings.projector_rate)
    parser.add_argument("--start", type=Path, help="a folder of parts to go on from")
    parser.add_argument("--no-negatives", action="store_true", help="ask for what is there only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    return parser


if __name__ == "__main__":
    main()

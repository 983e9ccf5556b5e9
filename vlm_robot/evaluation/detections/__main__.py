"""Measure a compact detector.

`python -m vlm_robot.evaluation.detections --model compact --data DIR/test --out OUT` measures.
Add `--calibrate` to fit the scores on DIR/../calibration and choose the default threshold on
DIR/../val first, and write both into the model's config.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vlm_robot.detection.compact.checkpoint import Calibration, CompactConfig, write_config
from vlm_robot.detection.compact.detector import CompactDetector, load_compact
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.evaluation.detections import calibration, figures, report, timing
from vlm_robot.evaluation.detections.corruptions import CARD_NAMES, corrupt
from vlm_robot.evaluation.detections.figures import Split
from vlm_robot.evaluation.detections.seen import look
from vlm_robot.models.checkpoint import ModelError, find_checkpoint
from vlm_robot.training.dataset import Scene, read_image, read_scenes
from vlm_robot.training.distill import read_phrases
from vlm_robot.training.vocabulary import read_vocabulary
from vlm_robot.types import Image, InputError

_MOST_ABSENT, _MOST_WRONG = 0.03, 0.15
"""Shares allowed on the validation split."""
_TEXTS = "texts.npz"
_PARTS = ("named", "open", "trust", "corruptions", "timing")
_THRESHOLDS = tuple(np.arange(0.05, 0.96, 0.025).round(3))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        folder = find_checkpoint(options.model).folder
        encoder = TextEncoder()
        encoder.remember(options.out / _TEXTS)
        options.out.mkdir(parents=True, exist_ok=True)
        if options.calibrate:
            calibrate(load_compact(folder, encoder=encoder), folder, options)
            encoder.keep(options.out / _TEXTS)
        measured = measure(load_compact(folder, encoder=encoder), folder, options)
    except (InputError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    encoder.keep(options.out / _TEXTS)
    report.write(options.out, folder, measured)
    print(report.table(measured))
    return 0


def calibrate(detector: CompactDetector, folder: Path, options: argparse.Namespace) -> None:
    """Fit the scores, choose the default threshold, and write both into config.json."""
    data: Path = options.data.parent
    most: int = options.most
    config = detector.config
    bare = _with(detector, Calibration())
    fitted = calibration.calibration_of(_split(bare, data / "calibration", most))
    judged = _split(_with(detector, fitted), data / "val", most)
    threshold, why = calibration.choose_threshold(
        judged, most_absent=_MOST_ABSENT, most_wrong=_MOST_WRONG, thresholds=_THRESHOLDS
    )
    print(
        f"fit {fitted.slope:.2f}, {fitted.offset:.2f}; threshold {threshold:.3f}; {why}", flush=True
    )
    kept: dict[str, Any] = {**config.figures, "threshold_choice": why}
    chosen = replace(fitted, threshold=round(float(threshold), 4))
    write_config(folder, replace(config, calibration=chosen, figures=kept))


def measure(detector: CompactDetector, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every figure that was asked for, beside those measured before."""
    scenes = _some(read_scenes(options.data), options.most)
    vocabulary = read_vocabulary(options.data / "vocabulary.json")
    result = report.read(options.out, folder)
    _say(result, {"images": len(scenes), "model": str(detector.info)})
    split = Split(detector, vocabulary, look(detector, scenes) if _needs_scenes(options) else [])
    if "named" in options.parts:
        _say(result, figures.named_figures(split))
    if options.taught:
        labels = read_phrases(options.taught)
        _say(result, figures.taught_figures(split, {p for some in labels.values() for p in some}))
    if "open" in options.parts:
        _say(result, _open_figures(split))
    if "trust" in options.parts:
        _say(result, _trust_figures(split, detector.info.threshold))
    if "corruptions" in options.parts:
        few = _some(scenes, options.corrupted)
        _say(result, _under_corruptions(Split(detector, vocabulary, look(detector, few))))
    if "timing" in options.parts:
        frame = cv2.resize(read_image(scenes[0].file), (640, 480))
        _say(result, {"timing": timing.measure(folder, np.asarray(frame, np.uint8))})
    return result


def _needs_scenes(options: argparse.Namespace) -> bool:
    return bool(options.taught or {"named", "open", "trust"} & set(options.parts))


def _under_corruptions(plain: Split) -> dict[str, Any]:
    detector, vocabulary = plain.detector, plain.vocabulary
    scenes = [seen.scene for seen in plain.seen]
    clean = plain.precision(vocabulary.phrases("known"), "known").ap50

    def looks(name: str) -> Split:
        return Split(detector, vocabulary, look(detector, scenes, _Corruption(name, 3)))

    return {"corrupted_images": len(scenes), **figures.robustness(clean, looks, CARD_NAMES)}


def _open_figures(split: Split) -> dict[str, Any]:
    found = figures.unseen_kinds(split)
    if not found:
        return {}
    control = max(found["unseen_kinds_shuffled_ap50"], 1e-4)
    found["unseen_kinds_gain"] = found["unseen_kinds_ap50"] / control
    return {**found, **figures.enrolled_figures(split)}


def _trust_figures(split: Split, threshold: float) -> dict[str, Any]:
    scores, correct = calibration.outcomes(split, split.vocabulary.phrases("known"))
    sure = scores >= threshold
    result = {
        "threshold": threshold,
        "calibration_error": calibration.expected_error(scores, correct),
        "calibration_error_above_threshold": calibration.expected_error(
            scores[sure], correct[sure]
        ),
        "precision_above_threshold": float(correct[sure].mean()) if sure.any() else None,
        "absent_false_boxes": figures.false_box_rate(
            split, split.vocabulary.absent_phrases, threshold
        ),
        "absent_known_false_boxes": figures.absent_known(split, threshold),
    }
    if any(row.any() for row in split.in_split("unseen_kind")):
        result["wrong_names"] = figures.wrong_names(split, threshold)
    return result


class _Corruption:
    """One corruption for every image, each with a seed of its own."""

    def __init__(self, name: str, strength: int) -> None:
        self._name, self._strength, self._seed = name, strength, 0

    def __call__(self, image: Image) -> Image:
        self._seed += 1
        return corrupt(image, self._name, self._strength, self._seed)


def _with(detector: CompactDetector, fit: Calibration) -> CompactDetector:
    config: CompactConfig = replace(detector.config, calibration=fit)
    return detector.with_config(config)


def _split(detector: CompactDetector, folder: Path, most: int) -> Split:
    scenes = _some(read_scenes(folder), most)
    return Split(detector, read_vocabulary(folder / "vocabulary.json"), look(detector, scenes))


def _some(scenes: list[Scene], most: int) -> list[Scene]:
    """At most `most` scenes, taken evenly."""
    if not most or len(scenes) <= most:
        return scenes
    return [scenes[i] for i in np.linspace(0, len(scenes) - 1, most).astype(int)]


def _say(result: dict[str, Any], more: dict[str, Any]) -> None:
    result.update(more)
    for name, value in more.items():
        print(f"{name}: {value}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evaluation.detections", description=__doc__)
    parser.add_argument("--model", default="compact", help="bundled name, or a folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of a split")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json and .md")
    parser.add_argument("--calibrate", action="store_true", help="fit scores, choose threshold")
    parser.add_argument("--most", type=int, default=0, help="images of a split at most; 0: all")
    parser.add_argument("--corrupted", type=int, default=300, help="images to corrupt, at most")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=_PARTS,
        default=_PARTS[:-1],
        help="what to measure; the rest stays as figures.json in --out has it (default: no timing)",
    )
    parser.add_argument(
        "--taught", type=Path, help="labels a student was distilled with: measure them, and others"
    )
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    return parser


if __name__ == "__main__":
    sys.exit(main())

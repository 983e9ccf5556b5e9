"""Results as JSON: one object a line, what people who script read, and what all else is made of.

Numbers are written so that float32 comes back bit for bit. What isn't finite is null. Only
`inference_ms` differs when the same bag is replayed again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_robot.replay.events import Failed
from vlm_robot.types import Answer, Boxes3D, Detections, Observation, PlanEvaluation

Record = dict[str, Any]


def frame_record(observation: Observation, log_time: int, inference_ms: float) -> Record:
    """What one frame shows."""
    frame = observation.frame
    return {
        "kind": "frame",
        "camera": frame.camera,
        "stamp": frame.stamp,
        "log_time": log_time,
        "frame_id": frame.frame_id,
        "width": frame.size[0],
        "height": frame.size[1],
        "prompt_version": observation.detections.prompt_version,
        "detections": detection_records(observation.detections),
        "places": _places(observation.boxes_3d),
        "inference_ms": round(inference_ms, 3),
    }


def detection_records(detections: Detections) -> list[Record]:
    """Each detection's phrase, score, and box (x1, y1, x2, y2 in pixels)."""
    return [
        {"phrase": detections.phrase(index), "score": _shortest(score), "box": _numbers(box)}
        for index, (box, score) in enumerate(zip(detections.boxes, detections.scores, strict=True))
    ]


def _places(boxes: Boxes3D | None) -> Record | None:
    """Where detections are, one entry each in their order; a reason where there is no place."""
    if boxes is None:
        return None
    return {
        "frame_id": boxes.frame_id,
        "orientation": _numbers(boxes.orientation),
        "centers": [
            _numbers(c) if ok else None for c, ok in zip(boxes.centers, boxes.valid, strict=True)
        ],
        "sizes": [
            _numbers(s) if ok else None for s, ok in zip(boxes.sizes, boxes.valid, strict=True)
        ],
        "reasons": list(boxes.reasons),
    }


def answer_record(answer: Answer, log_time: int) -> Record:
    """An answer with its evidence."""
    return {
        "kind": "answer",
        "camera": answer.camera,
        "stamp": answer.stamp,
        "log_time": log_time,
        "frame_id": answer.frame_id,
        "question": answer.question,
        "answer": answer.text,
        "verdict": answer.verdict.name,
        "confidence": _finite(answer.confidence),
        "evidence": detection_records(answer.evidence),
        "model": answer.model,
    }


def plan_record(plan: PlanEvaluation, log_time: int) -> Record:
    """A plan evaluation with every term."""
    content: Record = _clean(asdict(plan))
    return {"kind": "plan", "log_time": log_time, **content}


def failure_record(failed: Failed) -> Record:
    """A message that gave no result, and why."""
    return {"kind": "failure", **failed._asdict()}


def to_line(record: Record) -> str:
    """One line of JSON, with its end."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, in order; a last line that was cut short is left out."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def _shortest(value: np.floating[Any]) -> float:
    """The shortest decimal number that becomes the same float32 or float64 again."""
    return float(str(value))


def _numbers(values: NDArray[Any]) -> list[float]:
    return [_shortest(value) for value in values]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return _finite(float(value))
    return value.item() if isinstance(value, np.generic) else value

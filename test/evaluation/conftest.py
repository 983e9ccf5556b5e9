"""Folders of results, as a replay leaves them."""

import json
from types import SimpleNamespace

import pytest

from vlm_robot.replay.records import to_line

START = 1_700_000_000_000_000_000


def frame(step, found, camera="front"):
    """A record of a frame; `found` holds (phrase, score, box)."""
    stamp = START + step * 100_000_000
    return {
        "kind": "frame", "camera": camera, "stamp": stamp, "log_time": stamp,
        "frame_id": "optical", "width": 640, "height": 480, "prompt_version": 1,
        "detections": [{"phrase": p, "score": s, "box": list(box)} for p, s, box in found],
        "places": None, "inference_ms": 1.0,
    }  # fmt: skip


def answer(step, question, text, verdict="SUPPORTED", confidence=0.9):
    stamp = START + step * 100_000_000
    return {
        "kind": "answer", "camera": "front", "stamp": stamp, "log_time": stamp,
        "frame_id": "optical", "question": question, "answer": text, "verdict": verdict,
        "confidence": confidence, "evidence": [], "model": "m",
    }  # fmt: skip


def plan(step, goal, best, feasible=(True, True)):
    stamp = START + step * 100_000_000
    paths = [{"index": i, "feasible": ok} for i, ok in enumerate(feasible)]
    return {"kind": "plan", "stamp": stamp, "log_time": stamp, "goal": goal, "best_index": best,
            "paths": paths}  # fmt: skip


def write(folder, records, phrases=("mug", "chair"), bag="bag"):
    folder.mkdir()
    run = {
        "bag": str(bag), "detections": dict.fromkeys(phrases, 0), "frames": {"front": 1},
        "cameras": {"front": {"image": "/front/image_raw"}},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "results.jsonl").write_text("".join(map(to_line, records)))
    return folder


def truth(path, boxes, frames=10, phrases=("mug", "chair")):
    """A COCO file; `boxes` holds (step, phrase, xyxy, iscrowd)."""
    images = [{"id": s + 1, "file_name": f"front/{START + s * 100_000_000}"} for s in range(frames)]
    annotations = [
        {"id": n, "image_id": step + 1, "category_id": phrases.index(phrase) + 1,
         "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": int(crowd)}
        for n, (step, phrase, (x1, y1, x2, y2), crowd) in enumerate(boxes)
    ]  # fmt: skip
    categories = [{"id": i + 1, "name": phrase} for i, phrase in enumerate(phrases)]
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return path


@pytest.fixture(scope="session")
def results():
    """Functions that make records, folders of results, and truth."""
    return SimpleNamespace(
        START=START, frame=frame, answer=answer, plan=plan, write=write, truth=truth
    )

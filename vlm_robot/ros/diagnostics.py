"""The node's state on /diagnostics, once a second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from vlm_robot.models.device import choose_device, memory
from vlm_robot.perception import Perception
from vlm_robot.ros.inference import InferenceThread
from vlm_robot.scheduler import CameraCounts

REASONS_SHOWN = 5


class Report(NamedTuple):
    """One status before it is a message."""

    name: str
    level: bytes
    message: str
    values: Mapping[str, object]


def model_report(
    state: str, perception: Perception | None, inference: InferenceThread | None
) -> Report:
    """State of node and model."""
    if perception is None or inference is None:
        return Report("model", DiagnosticStatus.WARN, f"{state}: no model is loaded", {})
    info = perception.detector.info
    seconds = list(inference.seconds)
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3 if seconds else (math.nan, math.nan)
    used = memory(choose_device(info.device)).used
    values = {
        "state": state,
        "model": info.name,
        "device": info.device,
        "dtype": info.dtype,
        "prompt_version": perception.prompts.version,
        "prompts": len(perception.prompts.labels),
        "inference_ms_p50": round(p50, 1),
        "inference_ms_p95": round(p95, 1),
        "memory_mb": round(used / 1e6),
        "last_error": inference.last_error,
    }
    # A copy: the inference thread goes on counting.
    for reason, count in perception.missing_3d.copy().most_common(REASONS_SHOWN):
        values[f"no 3D: {reason}"] = count
    if not inference.is_alive():
        ended = "the inference thread has ended: start the node again"
        return Report("model", DiagnosticStatus.ERROR, ended, values)
    if inference.last_error:
        return Report("model", DiagnosticStatus.ERROR, inference.last_error, values)
    return Report("model", DiagnosticStatus.OK, state, values)


def camera_report(camera: str, counts: CameraCounts, complaints: Mapping[str, str]) -> Report:
    """Account of one camera; what is complained about lately makes it a warning."""
    ours = [text for subject, text in complaints.items() if subject.startswith(f"{camera}.")]
    values = {
        "received": counts.received,
        "processed": counts.processed,
        "dropped": counts.dropped,
        "failed": counts.failed,
        "age_ms_p50": round(counts.age_p50 * 1e3, 1),
        "age_ms_p95": round(counts.age_p95 * 1e3, 1),
    }
    level = DiagnosticStatus.WARN if ours else DiagnosticStatus.OK
    return Report(f"camera {camera}", level, "; ".join(ours) or "ok", values)


def diagnostics_msg(node: Node, reports: list[Report]) -> DiagnosticArray:
    """All reports under the node's name and the time now."""
    statuses = [
        DiagnosticStatus(
            name=f"{node.get_fully_qualified_name().lstrip('/')}: {report.name}",
            hardware_id=node.get_name(),
            level=report.level,
            message=report.message,
            values=[KeyValue(key=k, value=str(v)) for k, v in report.values.items()],
        )
        for report in reports
    ]
    message = DiagnosticArray(status=statuses)
    message.header.stamp = node.get_clock().now().to_msg()
    return message

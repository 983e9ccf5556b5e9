"""One HTML file that shows what a replay saw, answered and judged; it needs no network."""

from vlm_robot.replay.report.page import write_report

__all__ = ["write_report"]

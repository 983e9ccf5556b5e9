"""How right answers are, how honest their confidence is, and how long they take.

`python -m vlm_robot.evaluation.answers --scenes DIR --questions 2500` asks the embedded answerer
the questions of `questions` and prints the table. `--true-boxes` gives it the scenes' own boxes in
place of a detector's, which measures the reasoning alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from vlm_robot.answering import AnswerOptions, CancelToken
from vlm_robot.answering.evidence import Conclusion, EvidenceAnswerer
from vlm_robot.answering.parsing import singular
from vlm_robot.detection.detector import DetectionOptions, Detector, EncodedPrompts, ModelInfo
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.evaluation.questions import Question, make_questions
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import Shot, load_shots
from vlm_robot.types import Detections, Image, Verdict

HIT_IOU = 0.5
POPE = ("random", "popular", "adversarial")
SIGNALS = ("confidence", "presence", "truth", "best score")
COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Record:
    """One question asked.

    Attributes:
        right: of an answer that was given, whether it is right.
        hit: whether an evidence box is on a thing that the answer rests on; None: there is none.
        seconds: of this process's processor time from the question to the answer, detector
            included: that of one core where one thread runs, however busy the machine is.
        presence, truth, best_score: signals beside the confidence, 0..1.
    """

    form: str
    question: str
    text: str
    verdict: str
    rule: str
    answerable: bool
    answered: bool
    right: bool
    hit: bool | None
    seconds: float
    confidence: float
    presence: float
    truth: float
    best_score: float
    shot: int


class TrueBoxes:
    """Gives the scenes' own boxes: what a faultless detector would see.

    It stands for a trained model to measure the reasoning alone, never to stand in a result.
    """

    def __init__(self) -> None:
        self.shot: Shot | None = None

    @property
    def info(self) -> ModelInfo:
        """Its name."""
        return ModelInfo("true boxes", "cpu", "float32", 0.3)

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """The phrases as they are."""
        return EncodedPrompts(prompts, None)

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """The plain things that each phrase is true of, score 0.9; it knows one image at a time."""
        assert self.shot is not None
        phrases = prompts.prompts.phrases
        pairs = [
            (thing.box, label)
            for label, phrase in enumerate(phrases)
            for thing in self.shot.things
            if thing.plain and phrase in {thing.kind, *map(singular, thing.phrases)}
        ]
        found = Detections(
            np.array([box for box, _ in pairs], np.float32).reshape(-1, 4),
            np.full(len(pairs), 0.9, np.float32),
            np.array([label for _, label in pairs], np.int64),
            phrases,
        )
        return [found for _ in images]


def ask_all(
    answerer: EvidenceAnswerer,
    shots: Sequence[Shot],
    questions: Sequence[Question],
    *,
    before: Callable[[Shot], None] = lambda _: None,
) -> list[Record]:
    """Ask every question of its shot, one after the other."""
    records = []
    loaded = -1
    for question in questions:
        if question.shot != loaded:
            frame, loaded = shots[question.shot].frame(), question.shot
            before(shots[question.shot])
        start = time.process_time()
        found = answerer.conclude(question.text, frame, cancel=CancelToken())
        records.append(_record(question, found, time.process_time() - start))
    return records


def _record(question: Question, found: Conclusion, seconds: float) -> Record:
    answered = found.verdict is not Verdict.ABSTAINED
    evidence = found.detections.take(np.array(found.evidence, np.int64))
    scores = evidence.scores
    return Record(
        question.form,
        question.text,
        found.text,
        found.verdict.name,
        found.rule.value,
        question.expected is not None,
        answered,
        answered and question.expected is not None and question.expected.matches(found.text),
        bool(hits(evidence.boxes, question.boxes)) if len(question.boxes) else None,
        seconds,
        found.confidence,
        float(np.prod([f.presence for f in found.findings])),
        float(np.prod([f.truth for f in found.findings])),
        float(scores.max(initial=0.0)),
        question.shot,
    )


def hits(boxes: NDArray[np.float32], true: NDArray[np.float32]) -> bool:
    """Whether any of `boxes` (N, 4) is on any of `true` (M, 4), by IoU."""
    return bool((iou_matrix(boxes, true) >= HIT_IOU).any())


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative, ties counted half; NaN without both."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def pope(records: Sequence[Record], kind: str) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of 'yes' over what is there and what isn't by `kind`.

    As many of each are taken; what isn't answered counts as 'no', as POPE does.
    """
    there = [r for r in records if r.form == "exists"]
    absent = [r for r in records if r.form == f"absent, {kind}"]
    size = min(len(there), len(absent))
    says_yes = [
        [r.answered and r.text.startswith("Yes") for r in g[:size]] for g in (there, absent)
    ]
    hit, false = sum(says_yes[0]), sum(says_yes[1])
    precision, recall = hit / max(hit + false, 1), hit / max(size, 1)
    return {
        "accuracy": (hit + size - false) / max(2 * size, 1),
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(precision + recall, 1e-9),
        "questions": 2 * size,
    }


def summary(records: Sequence[Record]) -> dict[str, float]:
    """The figures of the table, by name."""
    askable = [r for r in records if r.answerable]
    given = [r for r in askable if r.answered]
    others = [r for r in records if not r.answerable]
    shown = [r for r in given if r.hit is not None and r.right]
    right = np.array([r.right for r in given])
    figures = {
        "accuracy of answers given": _mean(right),
        "unanswerable: abstained": _mean([not r.answered for r in others]),
        "answerable: answered": len(given) / max(len(askable), 1),
        "evidence boxes hit": _mean([r.hit for r in shown]),
        "CPU seconds, median": float(np.median([r.seconds for r in records])),
        "CPU seconds, 95th percentile": float(np.percentile([r.seconds for r in records], 95)),
    }
    for kind in POPE:
        figures[f"POPE F1, {kind}"] = pope(records, kind)["F1"]
    for name in SIGNALS:
        figures[f"AUROC of {name}"] = auroc(_values(given, name), right)
    figures["calibration error"] = calibration_error(given)
    return figures


def _mean(values: Sequence[bool | None] | NDArray[np.bool_]) -> float:
    return float(np.mean(np.array(values, float))) if len(values) else float("nan")


def calibration_error(given: Sequence[Record], bins: int = 10) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy over equal bins."""
    confidence = np.array([r.confidence for r in given])
    right = np.array([r.right for r in given], float)
    slot = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[slot == b].mean() - right[slot == b].mean()) * (slot == b).sum()
        for b in range(bins)
        if (slot == b).any()
    ]
    return float(sum(gaps) / max(len(given), 1))


def risk_coverage(given: Sequence[Record], signal: str) -> list[tuple[float, float]]:
    """Share of wrong answers among the surest part of those given, by that part's share."""
    return risks(_values(given, signal), np.array([r.right for r in given]))


def _values(given: Sequence[Record], signal: str) -> NDArray[np.float64]:
    return np.array([getattr(r, signal.replace(" ", "_")) for r in given])


def risks(values: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """(coverage, share wrong) of the answers with the highest values, for a few coverages."""
    risk = every_risk(values, right) if len(right) else np.array([np.nan])
    sizes = [max(1, round(c * len(right))) for c in COVERAGES]
    return [(c, float(risk[n - 1])) for c, n in zip(COVERAGES, sizes, strict=True)]


def every_risk(values: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) share wrong of the 1, 2, … N answers with the highest values."""
    wrong = (~right[np.argsort(-values, kind="stable")]).astype(float)
    risk: NDArray[np.float64] = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    return risk


def report(records: Sequence[Record]) -> str:
    """The figures as Markdown."""
    lines = [f"{len(records)} questions", "", "| figure | measured |", "| --- | --- |"]
    lines += [f"| {name} | {value:.3f} |" for name, value in summary(records).items()]
    lines += [
        "",
        "| form | questions | answered | right of answered |",
        "| --- | --- | --- | --- |",
    ]
    for form in sorted({r.form for r in records}):
        group = [r for r in records if r.form == form]
        given = [r for r in group if r.answered]
        right = f"{np.mean([r.right for r in given]):.3f}" if given else "-"
        lines.append(f"| {form} | {len(group)} | {len(given) / len(group):.3f} | {right} |")
    given = [r for r in records if r.answerable and r.answered]
    lines += ["", "Share of wrong answers among the surest part of those given:", ""]
    lines.append("| signal | " + " | ".join(f"{c:.0%}" for c in COVERAGES) + " |")
    lines.append("| --- " * (len(COVERAGES) + 1) + "|")
    for signal in SIGNALS:
        risks = " | ".join(f"{risk:.3f}" for _, risk in risk_coverage(given, signal))
        lines.append(f"| {signal} | {risks} |")
    return "\n".join(lines)


def plot_risk(given: Sequence[Record], path: Path) -> None:
    """Write a PNG: share of wrong answers by the share of the surest kept, for each signal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for signal in SIGNALS:
        risk = every_risk(_values(given, signal), np.array([r.right for r in given]))
        axis.plot(np.arange(1, len(risk) + 1) / len(risk), risk, label=signal)
    axis.set(xlabel="coverage: share of answers kept, surest first", ylabel="risk: share wrong")
    axis.set(xlim=(0, 1), ylim=(0, None))
    axis.legend()
    figure.savefig(path, dpi=90)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="one split's folder")
    parser.add_argument("--questions", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--presence-score", type=float, help="as fitted by evaluation.presence")
    parser.add_argument("--presence-slope", type=float, default=1.0)
    parser.add_argument("--true-boxes", action="store_true")
    parser.add_argument("--out", type=Path, help="write every question and answer there, as JSON")
    parser.add_argument("--picture", type=Path, help="draw risk by coverage there, as PNG")
    options = parser.parse_args()
    shots = load_shots(options.scenes)
    questions = make_questions(shots, seed=options.seed, at_most=options.questions)
    truth = TrueBoxes()
    detector: Detector = truth if options.true_boxes else load_detector(options.detector)
    answering = AnswerOptions(
        presence_score=options.presence_score, presence_slope=options.presence_slope
    )
    answerer = EvidenceAnswerer(detector, options=answering, encoder=SentenceEncoder())
    answerer.warm_up()
    records = ask_all(answerer, shots, questions, before=lambda shot: setattr(truth, "shot", shot))
    print(report(records))
    if options.picture:
        plot_risk([r for r in records if r.answerable and r.answered], options.picture)
    if options.out:
        options.out.write_text(json.dumps([asdict(r) for r in records], indent=1))


if __name__ == "__main__":
    main()

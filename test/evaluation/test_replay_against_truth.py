"""`vlm-robot evaluate`: figures of a replay against truth."""

import json
import sys

import numpy as np
import pytest

from vlm_robot.cli import main
from vlm_robot.evaluation.results.answers import is_right
from vlm_robot.evaluation.results.detections import detection_figures
from vlm_robot.evaluation.results.evaluate import with_evaluation
from vlm_robot.evaluation.results.folder import read_results
from vlm_robot.evaluation.results.truth import matches, read_truth

pytest.importorskip("faster_coco_eval")

BOX, OTHER, SMALL = (10, 10, 110, 110), (300, 200, 400, 300), (10, 10, 30, 30)


@pytest.fixture
def figures(results, tmp_path):
    """Figures of frames [(phrase, score, box), …] against truth [(step, phrase, box, crowd), …]."""

    def measure(frames, true):
        records = [results.frame(step, found) for step, found in enumerate(frames)]
        folder = results.write(tmp_path / "run", records)
        path = results.truth(tmp_path / "truth.json", true)
        return detection_figures(read_results(folder), read_truth(path))

    return measure


def test_boxes_that_are_all_right_have_every_figure_at_its_best(figures):
    found = figures([[("mug", 1.0, BOX)]] * 5, [(s, "mug", BOX, False) for s in range(5)])
    assert found["AP"] == pytest.approx(1.0)
    assert found["AP50"] == pytest.approx(1.0)
    assert (found["precision"], found["recall"], found["F1"]) == (1.0, 1.0, 1.0)
    assert found["calibration error"] == pytest.approx(0.0)
    assert found["absent phrases"]["with a false box"] == 0.0


def test_a_box_that_overlaps_by_half_counts_at_one_iou_only(figures):
    wide = (10, 10, 110, 185)  # IoU 100 / 175 = 0.57
    found = figures([[("mug", 1.0, wide)]], [(0, "mug", BOX, False)])
    assert found["AP50"] == pytest.approx(1.0)
    assert found["AP"] == pytest.approx(0.2)  # right at 0.50 and 0.55 of ten thresholds


def test_half_found_is_half_recall(figures):
    frames = [[("mug", 1.0, BOX)] if step % 2 else [] for step in range(10)]
    found = figures(frames, [(s, "mug", BOX, False) for s in range(10)])
    assert found["recall"] == 0.5
    assert found["precision"] == 1.0
    assert found["AP50"] == pytest.approx(0.5, abs=0.01)


def test_a_phrase_that_is_not_there_makes_false_boxes(figures):
    frames = [[("mug", 1.0, BOX), ("chair", 0.6, OTHER)], [("chair", 0.6, BOX)], []]
    absent = figures(frames, [(0, "mug", BOX, False)])["absent phrases"]
    assert absent["pairs of frame and phrase"] == 5
    assert absent["false boxes"] == 2
    assert absent["with a false box"] == pytest.approx(2 / 5)


def test_a_phrase_that_was_not_annotated_counts_in_no_figure(results, tmp_path):
    found = [("mug", 0.9, BOX), ("vase", 0.9, OTHER)]
    folder = results.write(
        tmp_path / "run", [results.frame(0, found)], phrases=("mug", "chair", "vase")
    )
    truth = read_truth(results.truth(tmp_path / "truth.json", [(0, "mug", BOX, False)]))
    figures = detection_figures(read_results(folder), truth)
    assert figures["phrases without truth"] == ["vase"]
    assert (figures["precision"], figures["F1"]) == (1.0, 1.0)
    assert figures["calibration error"] == pytest.approx(0.1)
    assert figures["absent phrases"] == {
        "pairs of frame and phrase": 1, "with a false box": 0.0, "false boxes": 0,
    }  # fmt: skip


def test_sure_and_wrong_is_a_large_calibration_error(figures):
    found = figures([[("mug", 0.95, OTHER)]] * 4, [(s, "mug", BOX, False) for s in range(4)])
    assert found["calibration error"] == pytest.approx(0.95)


def test_what_counts_neither_way_is_left_out(figures):
    true = [(0, "mug", BOX, False), (0, "mug", OTHER, True)]
    found = figures([[("mug", 0.9, BOX), ("mug", 0.8, OTHER)]], true)
    assert (found["precision"], found["recall"]) == (1.0, 1.0)
    assert found["AP50"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("box", "precision"),
    [
        pytest.param((310, 210, 320, 220), 1.0, id="a small one inside"),
        pytest.param((292, 210, 312, 220), 1.0, id="more than half inside"),
        pytest.param((280, 210, 310, 220), 0.5, id="a third inside"),
        pytest.param((200, 100, 500, 400), 0.5, id="one around all of it"),
    ],
)
def test_a_box_is_left_out_by_the_share_of_it_that_lies_in_a_crowd(figures, box, precision):
    true = [(0, "mug", BOX, False), (0, "mug", OTHER, True)]
    found = figures([[("mug", 0.9, BOX), ("mug", 0.8, box)]], true)
    assert found["precision"] == precision


def test_a_second_box_on_the_same_object_is_false(figures):
    found = figures([[("mug", 0.9, BOX), ("mug", 0.8, BOX)]], [(0, "mug", BOX, False)])
    assert found["precision"] == 0.5


def test_each_size_and_phrase_has_its_own_precision(figures):
    true = [(0, "mug", SMALL, False), (1, "chair", BOX, False)]
    found = figures([[("mug", 1.0, SMALL)], []], true)
    assert found["AP by size"]["small"] == pytest.approx(1.0)
    assert found["AP by size"]["large"] == pytest.approx(0.0)
    assert found["AP by size"]["medium"] is None
    assert found["by phrase"]["mug"]["AP50"] == pytest.approx(1.0)
    assert found["by phrase"]["chair"]["AP50"] == pytest.approx(0.0)


def test_the_precision_is_that_of_pycocotools(results, tmp_path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(5)
    frames, true = [], []
    for step in range(10):
        found = []
        for phrase in ("mug", "chair"):
            x, y = rng.uniform(0, 300, 2)
            width, height = rng.uniform(20, 150, 2)
            true.append((step, phrase, (x, y, x + width, y + height), False))
            for _ in range(3):
                dx, dy = rng.normal(0, 12, 2)
                box = (x + dx, y + dy, x + dx + width, y + dy + height)
                found.append((phrase, float(rng.random()), box))
        frames.append(results.frame(step, found))
    folder = results.write(tmp_path / "run", frames)
    path = results.truth(tmp_path / "truth.json", true)
    found = detection_figures(read_results(folder), read_truth(path))

    content = json.loads(path.read_text())
    for one in content["annotations"]:
        one |= {"id": one["id"] + 1, "area": one["bbox"][2] * one["bbox"][3]}
    coco = coco_module.COCO()
    coco.dataset = content | {"info": {}}
    coco.createIndex()
    rows = [
        {"image_id": step + 1, "category_id": 1 + (e["phrase"] == "chair"), "score": e["score"],
         "bbox": [e["box"][0], e["box"][1], e["box"][2] - e["box"][0], e["box"][3] - e["box"][1]]}
        for step, record in enumerate(frames) for e in record["detections"]
    ]  # fmt: skip
    run = evaluation.COCOeval(coco, coco.loadRes(rows), "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    assert found["AP"] == pytest.approx(run.stats[0], abs=1e-6)
    assert found["AP50"] == pytest.approx(run.stats[1], abs=1e-6)
    assert found["AP by size"]["medium"] == pytest.approx(run.stats[4], abs=1e-6)


def test_a_box_is_matched_to_the_true_one_that_it_covers_best(results, tmp_path):
    near = (20, 10, 120, 110)
    path = results.truth(tmp_path / "t.json", [(0, "mug", BOX, False), (0, "mug", near, False)])
    found = [{"score": 0.9, "box": near}, {"score": 0.8, "box": BOX}]
    match = matches(read_truth(path), 1, "MUG", found)
    assert match.right.tolist() == [True, True]
    assert match.missed == 0


@pytest.mark.parametrize(
    ("text", "accepted", "right"),
    [
        pytest.param("Yes: I see two chairs.", ("yes",), True, id="yes"),
        pytest.param("No, there is none, yes.", ("yes",), False, id="yes comes too late"),
        pytest.param("It is red.", ("red", "crimson"), True, id="one of several"),
        pytest.param("It is reddish.", ("red",), False, id="a part of a word"),
        pytest.param("On the coffee table.", ("coffee table",), True, id="two words"),
        pytest.param("", ("yes",), False, id="nothing"),
    ],
)
def test_when_an_answer_is_right(text, accepted, right):
    assert is_right(text, accepted) is right


@pytest.fixture
def asked(results, tmp_path):
    """A run with answers and plans, and the files of what is right."""
    records = [
        results.frame(0, [("mug", 0.9, BOX)]),
        results.answer(0, "Is there a mug?", "Yes.", confidence=0.9),
        results.answer(1, "Is there a mug?", "No.", confidence=0.3),
        results.answer(0, "What is behind the wall?", "I can't tell.", "ABSTAINED", 0.0),
        results.answer(0, "Something else?", "Yes."),
        results.plan(0, "be safe", 1, (False, True)),
        results.plan(5, "be quick", 0, (True, True)),
    ]
    folder = results.write(tmp_path / "run", records)
    (tmp_path / "q.yaml").write_text(
        "- {ask: 'is there a mug', answer: yes}\n- {ask: what is behind the wall, answer: null}\n"
    )
    sets = [
        {"stamp": results.START, "goal": "be safe", "best_index": 1,
         "paths": [{"feasible": False}, {"feasible": True}]},
        {"stamp": results.START + 500_000_000, "goal": "be quick", "best_index": 1,
         "paths": [{"feasible": False}, {"feasible": True}]},
    ]  # fmt: skip
    (tmp_path / "plans.json").write_text(json.dumps({"sets": sets}))
    return folder


def evaluated(folder, *arguments):
    code = main(["evaluate", str(folder), *map(str, arguments)])
    path = folder / "evaluation.json"
    return code, json.loads(path.read_text()) if path.exists() else None


def test_answers_are_measured(asked, tmp_path):
    code, figures = evaluated(asked, "--questions", tmp_path / "q.yaml")
    assert code == 0
    found = figures["answers"]
    assert (found["answers"], found["without truth"]) == (3, 1)
    assert found["accuracy of those given"] == 0.5
    assert found["abstained where it can't be told"] == 1.0
    assert found["risk at coverage"] == {"50%": 0.0, "70%": 0.0, "90%": 0.5, "100%": 0.5}


def test_plans_are_measured(asked, tmp_path):
    _, figures = evaluated(asked, "--plans", tmp_path / "plans.json")
    assert figures["plans"] == {
        "sets": 2,
        "without truth": 0,
        "best path first": 0.5,
        "feasibility judged right": 0.75,
        "infeasible path first": 1,
    }


def test_the_figures_go_into_the_report_once(asked, tmp_path, results, capsys):
    (asked / "report.html").write_text("<body>page<script>run()</script></body>")
    truth = results.truth(tmp_path / "t.json", [(0, "mug", BOX, False)])
    for _ in range(2):
        assert evaluated(asked, "--truth", truth)[0] == 0
    page = (asked / "report.html").read_text()
    assert page.count("Against the truth") == 1
    assert page.index("Against the truth") < page.index("<script>run()</script></body>")
    assert "AP50" in capsys.readouterr().out


def test_figures_are_escaped():
    page = with_evaluation("<script></script>", {"part": {"<b>": 1.0}})
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("file", "content", "option", "told"),
    [
        pytest.param("t", "", "--truth", "can't read", id="truth is empty"),
        pytest.param("t", "[]", "--truth", "must hold annotations", id="truth is a list"),
        pytest.param(
            "t",
            '{"images":[{"id":1,"file_name":"a.jpg"}],"annotations":[],"categories":[]}',
            "--truth",
            "'camera/stamp in nanoseconds'",
            id="truth of other pictures",
        ),
        pytest.param(
            "t",
            '{"images":[{"id":1,"file_name":"front/5"}],"annotations":[],"categories":[]}',
            "--truth",
            "annotates none of the 1 frames",
            id="truth of another bag",
        ),
        pytest.param("q", "a: 1", "--questions", "must be a list", id="questions in no list"),
        pytest.param("q", "[{ask: a}]", "--questions", "must have 'ask' and", id="no answer"),
        pytest.param("q", "[{ask: a, answer: b}]", "--questions", "none of the 4", id="others"),
        pytest.param("p", "{}", "--plans", "has no 'sets'", id="no sets"),
        pytest.param("p", '{"sets": [{}]}', "--plans", "must have stamp, goal", id="no stamp"),
        pytest.param("p", '{"sets": []}', "--plans", "none of the 2 plan", id="other plans"),
    ],
)
def test_what_is_wrong_with_a_file_of_truth_is_said(
    asked, tmp_path, capsys, file, content, option, told
):
    path = tmp_path / f"bad_{file}"
    path.write_text(content)
    code, _ = evaluated(asked, option, path)
    assert code == 2
    assert told in capsys.readouterr().err


def test_what_is_missing_for_the_precision_is_said_with_its_mend(
    asked, tmp_path, results, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    truth = results.truth(tmp_path / "t.json", [(0, "mug", BOX, False)])
    assert evaluated(asked, "--truth", truth)[0] == 2
    assert "pip install 'vlm_robot[eval]'" in capsys.readouterr().err


def test_truth_without_the_phrases_is_refused(asked, tmp_path, results, capsys):
    truth = results.truth(tmp_path / "t.json", [], phrases=("ship", "crane"))
    assert evaluated(asked, "--truth", truth)[0] == 2
    assert "none of the phrases that were looked for (mug, chair)" in capsys.readouterr().err


def test_no_truth_is_refused(asked, capsys):
    assert evaluated(asked)[0] == 2
    assert "give --truth" in capsys.readouterr().err


def test_a_folder_that_is_no_result_is_refused(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--truth", "x"]) == 2
    assert "isn't the output of `vlm-robot replay`" in capsys.readouterr().err

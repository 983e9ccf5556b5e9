"""`vlm-robot compare`: two replays of the same bag."""

import json

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from vlm_robot.cli import main
from vlm_robot.evaluation.results.comparison import compare, is_regression
from vlm_robot.evaluation.results.folder import read_results
from vlm_robot.evaluation.results.truth import read_truth
from vlm_robot.replay.interfaces import typestore
from vlm_robot.types import InputError

BOX, OTHER = (10, 10, 50, 50), (100, 60, 150, 110)
MUG = ("mug", 0.9, BOX)


@pytest.fixture
def pair(results, tmp_path):
    """Two runs over the same frames, given what each found in each frame."""

    def make(a, b, extra_a=(), extra_b=()):
        runs = []
        for name, found, extra in (("a", a, extra_a), ("b", b, extra_b)):
            records = [results.frame(step, some) for step, some in enumerate(found)]
            runs.append(read_results(results.write(tmp_path / name, [*records, *extra])))
        return runs

    return make


def test_equal_runs_agree_wholly(pair):
    found = compare(*pair([[MUG]] * 5, [[MUG]] * 5), None)
    assert (found.frames, found.agreement, found.changed) == (5, 1.0, [])
    assert found.rates["mug"].change == found.rates["mug"].low == found.rates["mug"].high == 0


def test_runs_that_see_nothing_agree(pair):
    assert compare(*pair([[]] * 3, [[]] * 3), None).agreement == 1.0


def test_agreement_is_the_share_of_boxes_with_a_partner(pair):
    moved = ("mug", 0.9, OTHER)
    found = compare(*pair([[MUG], [MUG], [MUG]], [[MUG], [moved], []]), None)
    assert found.agreement == pytest.approx(2 / 5)
    assert [count for _, count in found.changed] == [2, 1]


def test_a_box_of_another_phrase_is_no_partner(pair):
    assert compare(*pair([[MUG]], [[("chair", 0.9, BOX)]]), None).agreement == 0.0


def test_rates_differ_by_what_was_seen_in_how_many_frames(pair):
    a = [[MUG]] * 10
    b = [[MUG]] * 5 + [[]] * 5
    rate = compare(*pair(a, b), None).rates["mug"]
    assert (rate.a, rate.b, rate.change) == (1.0, 0.5, -0.5)
    assert -0.9 < rate.low < -0.5 < rate.high < -0.1


def test_the_interval_covers_the_true_change_about_as_often_as_it_says(results, tmp_path):
    rng = np.random.default_rng(3)
    covered = 0
    for turn in range(60):
        seen = rng.random((60, 2)) < [0.6, 0.5]
        runs = []
        for side in (0, 1):
            records = [results.frame(s, [MUG] if seen[s, side] else []) for s in range(60)]
            runs.append(read_results(results.write(tmp_path / f"{turn}{side}", records, ["mug"])))
        rate = compare(*runs, None).rates["mug"]
        covered += rate.low <= -0.1 <= rate.high
    assert covered >= 51  # of 60; 57 expected


@pytest.mark.parametrize(
    ("b", "worse"),
    [
        pytest.param([[MUG]] * 10, False, id="the same"),
        pytest.param([[]] * 5 + [[MUG]] * 5, True, id="half is missed"),
        pytest.param([[]] + [[MUG]] * 9, False, id="one of ten may be chance"),
    ],
)
def test_a_regression_is_more_than_the_limit_and_more_than_chance(
    pair, results, tmp_path, b, worse
):
    truth = read_truth(
        results.truth(tmp_path / "t.json", [(s, "mug", BOX, False) for s in range(10)])
    )
    found = compare(*pair([[MUG]] * 10, b), truth)
    assert found.f1.a == 1.0
    assert is_regression(found, most_drop=0.02, least_agreement=0.0) is worse


def test_false_boxes_are_a_regression_too(pair, results, tmp_path):
    truth = read_truth(
        results.truth(tmp_path / "t.json", [(s, "mug", BOX, False) for s in range(10)])
    )
    found = compare(*pair([[MUG]] * 10, [[MUG, ("chair", 0.9, OTHER)]] * 10), truth)
    assert found.f1.b == pytest.approx(2 / 3)
    assert is_regression(found, most_drop=0.02, least_agreement=0.0)


def test_boxes_of_a_phrase_that_was_not_annotated_are_no_regression(results, tmp_path):
    runs = [
        read_results(
            results.write(
                tmp_path / name,
                [results.frame(step, found) for step in range(10)],
                phrases=("mug", "vase"),
            )
        )
        for name, found in (("a", [MUG]), ("b", [MUG, ("vase", 0.9, OTHER)]))
    ]
    truth = read_truth(
        results.truth(tmp_path / "t.json", [(s, "mug", BOX, False) for s in range(10)])
    )
    found = compare(*runs, truth)
    assert (found.f1.a, found.f1.b) == (1.0, 1.0)


def test_truth_without_any_of_the_phrases_is_refused(pair, results, tmp_path):
    truth = read_truth(results.truth(tmp_path / "t.json", [], phrases=("ship", "crane")))
    with pytest.raises(InputError, match=r"none of the phrases .* \(mug, chair\)"):
        compare(*pair([[MUG]], [[]]), truth)


def test_answers_and_plans_that_changed_are_listed(pair, results):
    a = [results.answer(0, "open?", "Yes."), results.answer(1, "open?", "Yes."),
         results.plan(0, "go", 1)]  # fmt: skip
    b = [results.answer(0, "open?", "Yes."), results.answer(1, "open?", "No."),
         results.plan(0, "go", 0)]  # fmt: skip
    found = compare(*pair([[MUG]], [[MUG]], a, b), None)
    assert [(first, second) for _, first, second in found.answers] == [
        ("Yes. SUPPORTED", "No. SUPPORTED")
    ]
    assert [(first, second) for _, first, second in found.plans] == [("path 1", "path 0")]


def test_the_exit_code_serves_ci(pair, tmp_path, capsys):
    pair([[MUG]] * 4, [[MUG]] * 2 + [[]] * 2)
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(words) == 0
    assert main([*words, "--least-agreement", "0.9"]) == 1
    assert main([*words, "--least-agreement", "0.5", "--json", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["agreement"] == pytest.approx(2 / 3)
    assert "frames with 'mug'" in capsys.readouterr().out


def test_runs_of_different_bags_are_refused(results, tmp_path, capsys):
    results.write(tmp_path / "a", [results.frame(0, [MUG])])
    results.write(tmp_path / "b", [results.frame(7, [MUG])])
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "no frame in common" in capsys.readouterr().err


def test_the_page_shows_the_frames_that_changed_most_side_by_side(results, tmp_path):
    store = typestore()
    bag = tmp_path / "drive"
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        name = "sensor_msgs/msg/CompressedImage"
        connection = writer.add_connection("/front/image_raw", name, typestore=store)
        data = cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1].ravel()
        for step in range(3):
            stamp = results.START + step * 100_000_000
            time = store.types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9)
            header = store.types["std_msgs/msg/Header"](stamp=time, frame_id="optical")
            message = store.types[name](header=header, format="jpeg", data=data)
            writer.write(connection, stamp, store.serialize_cdr(message, name))
    a = [results.frame(step, [MUG]) for step in range(3)]
    b = [results.frame(step, [MUG] if step != 1 else []) for step in range(3)]
    results.write(tmp_path / "a", a, bag=bag)
    results.write(tmp_path / "b", b, bag=bag)
    page = tmp_path / "page.html"
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--html", str(page)]
    assert main(words) == 0
    text = page.read_text()
    assert text.count("<img") == 2
    assert "front 1700000000.100 s: 1 boxes differ" in text

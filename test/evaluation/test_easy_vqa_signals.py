"""What each verification signal is worth by itself."""

from vlm_robot.evaluation.easy_vqa_signals import Judged, report


def row(table: str, name: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_signal_that_tells_right_from_wrong_has_no_risk_where_it_is_surest():
    judged = [Judged({"good": 0.1 * k, "bad": -0.1 * k}, k >= 5) for k in range(10)]

    table = report(judged)

    assert row(table, "good")[1:4] == ["10", "1.000", "0.000"]
    assert row(table, "bad")[1:4] == ["10", "0.000", "1.000"]
    assert row(table, "good")[-1] == row(table, "bad")[-1] == "0.500"


def test_a_signal_is_measured_over_the_answers_that_have_it():
    judged = [Judged({"rare": None if k else 0.5, "never": None}, right=True) for k in range(4)]

    table = report(judged)

    assert row(table, "rare")[1] == "1"
    assert row(table, "never")[1:3] == ["0", "-"]

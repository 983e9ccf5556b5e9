"""What isn't installed is told before anything is measured."""

import sys

from vlm_robot.cli import main


def test_plots_without_matplotlib_are_told_with_their_mend(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["evaluate robustness", str(tmp_path)]) == 2
    assert "pip install 'vlm_robot[report]'" in capsys.readouterr().err

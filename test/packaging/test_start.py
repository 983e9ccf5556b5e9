"""What the node imports before it can look: seconds and memory of every start."""

import subprocess
import sys

HEAVY = ("transformers", "torch._dynamo", "scipy.signal", "scipy.stats", "typeguard", "matplotlib")
PROGRAM = """
import sys
from vlm_robot.perception import Perception
from vlm_robot.settings import Settings
Perception.load(Settings()).warm_up()
print([name for name in {heavy} if name in sys.modules])
"""


def test_the_compact_model_and_its_skills_start_without_heavy_packages():
    program = PROGRAM.format(heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"

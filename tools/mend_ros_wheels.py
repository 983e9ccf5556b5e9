"""Point the CMake files of PyPI's ROS wheels at this Python: they name their builder's folders."""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILDER = r"/opt/python/cp\d+-cp\d+"
FOLDERS = {
    BUILDER + r"/include/python3\.\d+": sysconfig.get_path("include"),
    BUILDER + r"/lib/python3\.\d+/site-packages/numpy/_core/include": np.get_include(),
}


def mend(path: Path) -> bool:
    """Replace the builder's folders in one file; return whether there were any."""
    text = mended = path.read_text(encoding="utf-8")
    for pattern, folder in FOLDERS.items():
        mended = re.sub(pattern, lambda _, to=folder: to, mended)
    if mended != text:
        path.write_text(mended, encoding="utf-8")
    return mended != text


if __name__ == "__main__":
    print(sum(map(mend, Path(sys.prefix, "share").rglob("*.cmake"))), "CMake files of ROS mended")

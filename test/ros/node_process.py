"""The node as a process of its own: started as a user starts it, killed, and measured."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

from graph import TIMEOUT


class Usage(NamedTuple):
    """What a process holds.

    Attributes:
        memory: resident, bytes.
    """

    memory: int
    threads: int
    files: int


class Process:
    """The node as a user starts it; what it says goes to `lines`."""

    def __init__(self, *parameters):
        command = [sys.executable, "-m", "vlm_robot.ros.main", "--ros-args"]
        for parameter in parameters:
            command += ["-p", parameter]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def text(self):
        return "".join(self.lines)

    @property
    def alive(self):
        return self.process.poll() is None

    def usage(self):
        """What it holds now, as Linux tells it."""
        folder = Path(f"/proc/{self.process.pid}")
        lines = (folder / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return Usage(
            int(status["VmRSS"].split()[0]) * 1024,
            int(status["Threads"]),
            len(list((folder / "fd").iterdir())),
        )

    def end(self):
        code = self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        return code

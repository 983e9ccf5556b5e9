"""A simulated home: scenes with ground truth, data sets and the sample bag (extra `sim`)."""

import os

# MuJoCo reads it once, at its first import: rendering needs no screen with EGL.
os.environ.setdefault("MUJOCO_GL", "egl")

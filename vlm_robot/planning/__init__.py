"""Which way: candidate paths scored against a goal in words, safely, with every term shown."""

from vlm_robot.planning.clearance import ClearanceField, GridField, PolygonField
from vlm_robot.planning.descriptors import DESCRIPTORS, Mode
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.interpreter import GoalInterpreter, Interpretation
from vlm_robot.planning.landmark_memory import LandmarkMemory
from vlm_robot.planning.landmarks import RELATIONS, SeenLandmark
from vlm_robot.planning.limits import RobotLimits

__all__ = [
    "DESCRIPTORS",
    "RELATIONS",
    "ClearanceField",
    "GoalInterpreter",
    "GridField",
    "Interpretation",
    "LandmarkMemory",
    "Mode",
    "PathEvaluator",
    "PolygonField",
    "RobotLimits",
    "SeenLandmark",
]

"""How well a detector finds and names: `python -m vlm_robot.evaluation.detections`."""

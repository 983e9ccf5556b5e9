"""How detections, answers and plans stand changes of the image and of the words."""

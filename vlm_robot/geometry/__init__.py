"""Where pixels are in space: camera models, depth and the frame tree."""

"""Whether answers come from the picture, and by which way through the model."""

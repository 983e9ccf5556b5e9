"""Free questions, answered by an image-text-to-text model of transformers."""

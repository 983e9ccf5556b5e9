"""Training of the embedded VLM by visual instruction tuning (Liu et al., NeurIPS 2023)."""

"""Training of the compact detector (extra `train`)."""

"""A simulated home: scenes with ground truth, data sets and the sample bag (extra `sim`)."""

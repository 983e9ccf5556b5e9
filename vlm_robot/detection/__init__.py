"""Open-vocabulary detection: boxes of phrases, behind one `Detector` protocol."""

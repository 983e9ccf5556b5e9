"""Every model under transformers' AutoModelForZeroShotObjectDetection, as a `Detector`."""

"""The compact open-vocabulary detector: small enough for a CPU, its weights in the package."""

"""Names for what goals ask for, each a set of descriptors with directions."""

from __future__ import annotations

WANTS: dict[str, dict[str, int]] = {
    "shorter": {"path_length": -1},
    "longer": {"path_length": +1},
    "clear": {"min_clearance": +1, "mean_clearance": +1},
    "close": {"min_clearance": -1, "mean_clearance": -1, "max_clearance": -1},
    "open": {"mean_clearance": +1, "max_clearance": +1, "exposure": +1},
    "hidden": {"mean_clearance": -1, "max_clearance": -1, "exposure": -1},
    "smooth": {"smoothness": -1, "sharp_turns": -1, "max_turn_angle": -1},
    "twisty": {"smoothness": +1, "sharp_turns": +1, "max_turn_angle": +1},
    "cover": {"area_covered": +1},
    "cover_little": {"area_covered": -1},
    "roomy_tightest": {"min_clearance": +1},
    "tight_tightest": {"min_clearance": -1},
    "roomy_mean": {"mean_clearance": +1},
    "near_mean": {"mean_clearance": -1},
    "widest": {"max_clearance": +1},
    "never_far": {"max_clearance": -1},
    "few_sharp": {"sharp_turns": -1},
    "many_sharp": {"sharp_turns": +1},
    "gentle_largest": {"max_turn_angle": -1},
    "acute_largest": {"max_turn_angle": +1},
    "less_turning": {"smoothness": -1},
    "more_turning": {"smoothness": +1},
    "few_reversals": {"reversals": -1},
    "many_reversals": {"reversals": +1},
    "wide_bends": {"turning_radius": +1},
    "tight_bends": {"turning_radius": -1},
}
OPPOSITE = {
    "shorter": "longer",
    "clear": "close",
    "open": "hidden",
    "smooth": "twisty",
    "cover": "cover_little",
    "roomy_tightest": "tight_tightest",
    "roomy_mean": "near_mean",
    "widest": "never_far",
    "few_sharp": "many_sharp",
    "gentle_largest": "acute_largest",
    "less_turning": "more_turning",
    "few_reversals": "many_reversals",
    "wide_bends": "tight_bends",
}
OPPOSITE |= {second: first for first, second in OPPOSITE.items()}

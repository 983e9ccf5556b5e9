"""Results of a replay against truth, and against another replay's."""

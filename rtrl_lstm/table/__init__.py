"""A table's columns, and the numbers that a learner sees of them. Knows nothing of learners."""

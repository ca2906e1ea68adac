"""Explanations: why each alert was raised, which belong together, and one sentence for each."""

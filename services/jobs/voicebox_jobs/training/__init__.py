"""Trainers of voices, in processes that can be ended at once."""

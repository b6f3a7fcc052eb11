"""Recordings become clips that a voice can be trained from: cut, measured, kept or dropped, and reported on."""

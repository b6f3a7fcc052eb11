"""The contract, as tests read it."""

from importlib.resources import files

CONTRACT = (files("voicebox") / "descriptors.binpb").read_bytes()

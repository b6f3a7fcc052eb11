"""What says of speech, in the JSON of other protocols, that it is not a recording of a person."""

SYNTHETIC_FIELD = "x_voicebox_synthetic"
"""True beside all speech; clients ignore fields that they do not know."""

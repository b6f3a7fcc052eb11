"""The recordings of real speech that the benchmarks use."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "speech"

SPELLINGS = {
    "42": "forty two",
    "1455": "fourteen fifty five",
    "15th": "fifteenth",
    "woodcutters": "wood cutters",
    "letterpress": "letter press",
}
"""How the words of the transcripts are spelled where recognisers write them otherwise: no error is counted for
these.
"""


def transcripts() -> dict[str, str]:
    """What is said in each file of FOLDER, by the file's name."""
    return dict(line.split("\t", 1) for line in (FOLDER / "transcripts.tsv").read_text().splitlines()[1:])

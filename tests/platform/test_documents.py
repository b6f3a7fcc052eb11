"""What the documents say of files is true."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("*/*/README.md"),
    *ROOT.glob("*/README.md"),
]
FILES = re.compile(
    r"(?<![\w/.-])(?:(?:libs|services|gateway|clients|protos|tests|bench|demo|deploy|docs|examples)/)[\w./-]*[\w-]\.(?:py|ya?ml|md|toml|proto|sh|lua|wav)"
)
PACKAGES = [*ROOT.glob("libs/*/README.md"), ROOT / "gateway" / "README.md", ROOT / "clients" / "python" / "README.md"]
MODULES = re.compile(r"`([\w/]+\.py)`")
LINKS = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_and_link_in_a_document_exists(document: Path) -> None:
    text = document.read_text()
    bases = [ROOT, document.parent, *document.parent.glob("voicebox_*")]
    missing = [name for name in FILES.findall(text) if not any((base / name).exists() for base in bases)]
    missing += [link for link in LINKS.findall(text) if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("readme", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_module_in_a_package_readme_exists(readme: Path) -> None:
    named = set(MODULES.findall(readme.read_text()))
    assert not [name for name in named if not (list(readme.parent.rglob(name)) or (ROOT / name).exists())]

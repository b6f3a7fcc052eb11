"""The form of names in requests."""

import re

PROFILE_NAME = re.compile(r"profiles/[a-z0-9][a-z0-9-]{0,62}")
LEXICON_NAME = re.compile(r"lexicons/[a-z0-9][a-z0-9-]{0,62}")

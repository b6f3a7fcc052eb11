#!/bin/sh
# Runs the whole suite in three processes. Up to five tests that fail are run once more, alone: on a busy machine a test
# may fail for want of a core or a port. A test that fails twice fails; one that passes the second time is named as
# unstable, and is to be mended. Arguments go to pytest.
set -u
cd "$(dirname "$0")/.."
pytest=.venv/bin/pytest
failed=.pytest_cache/v/cache/lastfailed
rm -f "$failed"

"$pytest" -n 3 --dist loadfile --no-loadscope-reorder -q "$@"
status=$?
[ "$status" -eq 1 ] || exit "$status"
names=$(sed -n 's/^  "\(.*\)": true,\{0,1\}$/\1/p' "$failed")
[ "$(printf '%s\n' "$names" | wc -l)" -le 5 ] || exit "$status"

printf '\nOnce more, alone:\n%s\n' "$names"
"$pytest" -q --last-failed --last-failed-no-failures none "$@" || exit 1
printf '\nUNSTABLE: these tests passed only when they ran alone:\n%s\n' "$names"

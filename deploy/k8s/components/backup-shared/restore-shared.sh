#!/bin/sh
# restore-shared.sh files|databases: brings back the newest copy of $BACKUP_FOLDER/shared, or the one of the time BACKUP_TIME. The services must be stopped.
# The tables of the copy replace those of the same names; files are added.
set -eu
folder=${BACKUP_FOLDER:-/backup}/shared
copy=$folder/${BACKUP_TIME:-$(find "$folder" -mindepth 1 -maxdepth 1 -name '[0-9]*Z' -printf '%f\n' | sort | tail -n 1)}
[ "$copy" != "$folder/" ] && [ -d "$copy" ] || { echo "There is no copy ${BACKUP_TIME:-} in $folder." >&2; exit 1; }

url() { eval "printf %s \"\${${1}_$2:-}\""; }

case $1 in
files)
    for name in CATALOG JOBS CONVERSION; do
        [ ! -d "$copy/$name.files" ] || python3 -m voicebox_blobs.mirror "$copy/$name.files" "$(url $name BLOB_URL)"
    done
    ;;
databases)
    for name in CATALOG ACCOUNTS JOBS CONVERSION; do
        [ ! -f "$copy/$name.dump" ] ||
            pg_restore --clean --if-exists --no-owner --exit-on-error --single-transaction --dbname="postgresql://$(url $name DATABASE_URL | sed 's,^[^:]*://,,')" "$copy/$name.dump"
    done
    ;;
esac

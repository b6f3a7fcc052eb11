#!/bin/sh
# backup-shared.sh before|databases|behind: copies the databases *_DATABASE_URL in PostgreSQL and the files *_BLOB_URL in S3 to $BACKUP_FOLDER/shared/TIME.
# `databases` needs pg_dump, the others Python. A file that was stored before a database was copied is in the copy; what did not change is a hard link to the
# copy before. The newest BACKUP_KEEP copies are kept.
set -eu
folder=${BACKUP_FOLDER:-/backup}/shared
current=$folder/current
mkdir -p "$current"

url() { eval "printf %s \"\${${1}_$2:-}\""; }

# copy_files [--prune]
copy_files() {
    for name in CATALOG JOBS CONVERSION; do
        case $(url $name BLOB_URL) in s3:*) python3 -m voicebox_blobs.mirror "$@" "$(url $name BLOB_URL)" "$current/$name.files" ;; esac
    done
}

case $1 in
before) copy_files --prune ;;  # the copy before this one has hard links to what goes now
databases)
    for name in CATALOG ACCOUNTS JOBS CONVERSION; do
        case $(url $name DATABASE_URL) in
        postgresql*)
            pg_dump --format=custom --no-owner --no-privileges --file="$current/$name.dump.new" "postgresql://$(url $name DATABASE_URL | sed 's,^[^:]*://,,')"
            mv "$current/$name.dump.new" "$current/$name.dump"
            ;;
        esac
    done
    ;;
behind)
    copy_files
    rm -rf "$folder"/*.unfinished
    time=$(date -u +%Y%m%dT%H%M%SZ)
    cp -al "$current" "$folder/$time.unfinished"
    mv -T "$folder/$time.unfinished" "$folder/$time"
    find "$folder" -mindepth 1 -maxdepth 1 -name '[0-9]*Z' | sort | head -n "-${BACKUP_KEEP:-14}" | xargs -r rm -rf
    echo "$folder/$time"
    ;;
esac

#!/bin/sh
# backup.sh SERVICE: copies the service's data, while it works, to a new folder $BACKUP_FOLDER/SERVICE/TIME. What did not change is a hard link to the copy
# before, and takes no room. The newest BACKUP_KEEP copies are kept.
set -eu
service=$1
folder=${BACKUP_FOLDER:-/backup}/$service
current=$folder/current
mkdir -p "$folder"
rm -rf "$folder"/*.unfinished
if [ "$service" = catalog ]; then
    voicebox-catalog backup "$current"
else
    python3 -m voicebox_sql.backup "${VOICEBOX_DATA:-/data}/$service" "$current"
fi
time=$(date -u +%Y%m%dT%H%M%SZ)
cp -al "$current" "$folder/$time.unfinished"
mv -T "$folder/$time.unfinished" "$folder/$time"
find "$folder" -mindepth 1 -maxdepth 1 -name '[0-9]*Z' | sort | head -n "-${BACKUP_KEEP:-14}" | xargs -r rm -rf
echo "$folder/$time"

#!/bin/sh
# restore.sh SERVICE: brings back the newest copy of $BACKUP_FOLDER/SERVICE, or the one of the time BACKUP_TIME. The service must be stopped. What it had is
# moved to SERVICE.before-TIME, for a person to remove.
set -eu
service=$1
folder=${BACKUP_FOLDER:-/backup}/$service
data=${VOICEBOX_DATA:-/data}
copy=$folder/${BACKUP_TIME:-$(find "$folder" -mindepth 1 -maxdepth 1 -name '[0-9]*Z' -printf '%f\n' | sort | tail -n 1)}
[ "$copy" != "$folder/" ] && [ -d "$copy" ] || { echo "There is no copy ${BACKUP_TIME:-} in $folder." >&2; exit 1; }
[ ! -e "$data/$service" ] || mv -T "$data/$service" "$data/$service.before-$(date -u +%Y%m%dT%H%M%SZ)"
if [ "$service" = catalog ]; then
    voicebox-catalog restore "$copy"
    voicebox-catalog verify
else
    cp -a "$copy" "$data/$service.restored"
    mv -T "$data/$service.restored" "$data/$service"
fi
echo "Restored $copy."

#!/bin/sh
# Builds the images with buildah or docker, whichever is there: `make images`. Variables that it takes:
#   IMAGES         which ones, "tts asr-cuda"; all but the variants when empty
#   BASE_IMAGE     another base with Python 3.11 than the Dockerfiles name
#   BUILD_IMAGE    what they are built in, when the base has no pip
#   IMAGE_OPTIONS  further options of the builder
set -eu
cd "$(dirname "$0")/.."

case $(command -v buildah || command -v docker || true) in
*/buildah) build='buildah bud --layers' ;;
*/docker) build='docker build' ;;
*) echo "make images needs buildah or docker: apt-get install buildah" >&2 && exit 2 ;;
esac
set --
[ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "BUILD_IMAGE=${BUILD_IMAGE:-$BASE_IMAGE}"
set -- "$@" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"

for image in ${IMAGES:-accounts catalog tts asr conversion jobs gateway}; do
    service=${image%%-*}
    folder=services/$service
    [ "$service" != gateway ] || folder=gateway
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$folder/pyproject.toml")
    case $image in
    asr-cuda) argument=VARIANT=-cuda ;;
    "$service") argument= ;;
    *) argument=EXTRAS=$(echo "${image#*-}" | tr + ,) ;;
    esac
    tag=voicebox-$service:$version${image#"$service"}
    # shellcheck disable=SC2086 # options are several words
    $build -f "$folder/Dockerfile" -t "$tag" ${argument:+--build-arg "$argument"} "$@" ${IMAGE_OPTIONS:-} .
    echo "$tag"
done

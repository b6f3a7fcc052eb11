#!/bin/sh
# Makes the environment: system libraries, a virtual environment, our packages. Usage: setup.sh run|dev|protos|buf, or setup.sh engine NAME
# Every part is done once; a stamp in .venv or .tools says so.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
venv=.venv

# apt_install PURPOSE PACKAGE...: by apt where we may, else one clear line.
apt_install() {
    purpose=$1
    shift
    apt="apt-get install -y -qq --no-install-recommends $*"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $* ($purpose)" >&2
        { $apt || { apt-get update -qq && $apt; }; } >/dev/null 2>&1 && return
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        echo "Installing $* ($purpose)" >&2
        { sudo $apt || { sudo apt-get update -qq && sudo $apt; }; } >/dev/null 2>&1 && return
    fi
    echo "Please install what $purpose needs, then run this again: sudo apt-get install $*" >&2
    exit 1
}

has_library() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p | grep -q "$1"; }

make_venv() {
    [ -x $venv/bin/uv ] && return
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "voicebox needs Python 3.11 or newer; set PYTHON to one." >&2; exit 1; }
    "$python" -c 'import ensurepip' 2>/dev/null || apt_install "a virtual environment" python3-venv
    "$python" -m venv $venv
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
}

# Wheels that pip finds in a folder, uv finds there too: a CPU build of torch in it saves the dev environment 3 GB.
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"
install() { $venv/bin/uv pip install --quiet --python $venv/bin/python --constraint constraints.txt "$@"; }

case $1 in
run)
    has_library libflite.so.1 || apt_install "the speech engine flite" libflite1
    has_library libespeak-ng.so.1 || apt_install "the speech engine espeak-ng" libespeak-ng1 espeak-ng-data
    make_venv
    install -e protos -e services/kit -e services/sound -e 'services/models[hub]' -e services/blobs -e services/catalog -e services/tts -e 'services/asr[whisper]' -e gateway -e clients/python
    install --no-deps Resemblyzer  # the weights that tell speakers apart; the rest of it, and torch, are not needed
    touch $venv/run.stamp
    ;;
dev)
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || (apt_install "testing the catalog on PostgreSQL" postgresql) || true
    install --requirement requirements-dev.txt -e 'services/tts[qwen3,pocket]'
    install --no-deps qwen-tts  # the judge of our own Qwen3-TTS; it asks for torchaudio, sox and gradio, which are not needed
    touch $venv/dev.stamp
    ;;
engine)
    make_venv
    install -e "services/tts[$2]"
    ;;
protos)
    # The generator wants an older protobuf than the services: an environment of its own.
    make_venv
    $venv/bin/uv venv --quiet --allow-existing --python "$python" .tools/protoc
    $venv/bin/uv pip install --quiet --python .tools/protoc/bin/python grpcio-tools==1.71.2 mypy-protobuf==3.6.0 googleapis-common-protos==1.75.0 'setuptools<81'
    touch .tools/protoc.stamp
    ;;
buf)
    command -v npm >/dev/null || apt_install "the proto checker" npm
    mkdir -p .tools/buf
    npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix .tools/buf @bufbuild/buf@1.75.0 >/dev/null
    touch .tools/buf.stamp
    ;;
esac

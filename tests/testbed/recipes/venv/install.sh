#!/bin/bash
# The slow part of letta/letta:latest: Debian's Python with the real Letta server installed.
# Runs in a container of the base image whose file system then becomes the image. /build is a
# mount, so this machine's index settings and certificates don't get into the image, and what
# is removed again here takes no room in it.
set -euo pipefail

. /build/settings.sh
export DEBIAN_FRONTEND=noninteractive
# psycopg2 and demjson3 have no wheels; everything else comes prebuilt.
compilers="gcc libc6-dev libpq-dev python3-dev python3-venv"

apt-get update -qq
# Word splitting is wanted here.
apt-get install -y -qq --no-install-recommends python3 libpq5 redis-server $compilers >/dev/null

export PIP_CONFIG_FILE=/build/pip.conf PIP_CERT=/build/ca.crt SSL_CERT_FILE=/build/ca.crt
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
python3 -m venv /tmp/tools
/tmp/tools/bin/pip install -q "$UV_REQUIREMENT"
python3 -m venv /app/.venv
/tmp/tools/bin/uv pip install --quiet --no-cache --compile-bytecode --python /app/.venv/bin/python \
  --constraints /build/constraints.txt "letta[postgres,server,redis]==$LETTA_VERSION"
/app/.venv/bin/python -c 'import letta.server.server'

rm -rf /tmp/tools /root/.letta /root/.cache
apt-get purge -y -qq --auto-remove $compilers >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin

#!/bin/sh
# Installs what the real test stack needs, on Debian as root. Quick when all of it is there.
set -eu

wanted="docker.io mmdebstrap iproute2 iptables busybox-static haproxy openssh-server tmux ca-certificates"

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ ! -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
  echo "tests/testbed/install.sh: the real test stack needs Debian; missing here:$missing" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "tests/testbed/install.sh: run me as root to install:$missing" >&2
  exit 1
fi

# Nothing may start: the stack runs its own daemons on ports and sockets of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Word splitting is wanted here.
apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "installed:$missing"

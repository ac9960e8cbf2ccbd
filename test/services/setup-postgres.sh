#!/usr/bin/env bash
# Installs PostgreSQL for the suite of databases, which runs a private server of its own. Quick when it is there already. No system service is started or left enabled.
set -euo pipefail

find_initdb() { ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1 | grep . || command -v initdb; }

ready() {
  local initdb
  initdb="$(find_initdb)" && command -v openssl >/dev/null || return 1
  echo "PostgreSQL is ready: $("$initdb" --version)"
}

if ready; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "cannot install PostgreSQL: there is no apt-get; install its server and openssl another way, so that there is initdb" >&2
  exit 1
fi
if [[ "$(id -u)" != 0 ]]; then
  echo "cannot install PostgreSQL: this needs root; run it with sudo" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
  # Asked by the packages before they start anything: 101 is no.
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
install() {
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    { echo "cannot install PostgreSQL: the packages cannot be installed; see above" >&2; exit 1; }
}
echo "installing postgresql"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || { echo "cannot install PostgreSQL: the list of packages cannot be read; see above" >&2; exit 1; }
install postgresql-common openssl
# The package of the server makes a cluster on port 5432 unless told not to.
sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
install postgresql
ready || { echo "the installation is not complete; see above" >&2; exit 1; }

#!/usr/bin/env bash
# Installs PostgreSQL for the suite of databases, which runs a private server of its own. Quick when it is there already. No system service is started or left enabled.
set -euo pipefail
SERVER=PostgreSQL
source "$(dirname "$0")/apt.sh"

find_initdb() { ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1 | grep . || command -v initdb; }

ready() {
  local initdb
  initdb="$(find_initdb)" && command -v openssl >/dev/null || return 1
  echo "PostgreSQL is ready: $("$initdb" --version)"
}

if ready; then exit 0; fi
prepare_apt "install its server and openssl another way, so that there is initdb"
install_packages postgresql-common openssl
# The package of the server makes a cluster on port 5432 unless told not to.
sed -i -E 's/^#?create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
install_packages postgresql
ready || refuse "the installation is not complete; see above"

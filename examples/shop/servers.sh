# shellcheck shell=bash
# Read by run.sh: a PostgreSQL server and an SFTP server of its own, on free ports of the loopback address. All their files are in "$servers".

debian="$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1 || true)"
PATH="${debian:+$debian:}$PATH:/usr/sbin:/usr/local/sbin"

# need WHAT SCRIPT PROGRAM…: ends with the reason and a way out when a program is not there.
need() {
  local what="$1" script="$2" program
  shift 2
  for program in "$@"; do
    command -v "$program" >/dev/null && continue
    local hint="install it, so that $program is on the PATH"
    if [[ -e "$repository/test/services/$script" ]]; then hint="bash $repository/test/services/$script, or $hint"; fi
    fail "$what is not installed: there is no $program" "$hint"
  done
}

need_servers() {
  need "PostgreSQL" setup-postgres.sh initdb pg_ctl psql
  need "the server of OpenSSH" setup-sftp.sh sshd ssh-keygen
}

free_port() {
  node -e 'const one = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(one.address().port); one.close(); })'
}

new_password() { node -p 'require("crypto").randomBytes(12).toString("hex")'; }

is_root() { [[ "$(id -u)" == 0 ]]; }

# PostgreSQL refuses to run as root: there it runs as the user of its package, or as nobody.
server_user() { id -un postgres 2>/dev/null || echo nobody; }
as_server() { if is_root; then runuser -u "$(server_user)" -- "$@"; else "$@"; fi; }

# admin DATABASE ARGUMENT…: psql as the superuser.
admin() {
  PGHOST=127.0.0.1 PGPORT="$SHOP_PORT" PGUSER=postgres PGPASSWORD="$admin_password" PGDATABASE="$1" PGSSLMODE=disable \
    psql -X -q -v ON_ERROR_STOP=1 "${@:2}"
}

start_postgres() {
  mkdir "$servers/postgres"
  cd "$servers/postgres"
  if is_root; then
    chown "$(server_user)" .
    as_server test -w "$PWD" || fail "the user $(server_user) cannot get to $PWD" "TMPDIR=/tmp, or run it as another user than root"
  fi
  SHOP_PORT="$(free_port)"
  SHOP_PASSWORD="$(new_password)"
  export SHOP_PORT SHOP_PASSWORD
  admin_password="$(new_password)"
  (umask 077 && as_server tee password <<<"$admin_password" >/dev/null)
  as_server initdb --pgdata "$PWD/data" --username postgres --pwfile password --auth scram-sha-256 --encoding UTF8 --locale C --no-sync >/dev/null
  as_server tee -a data/postgresql.conf >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $SHOP_PORT
unix_socket_directories = ''
fsync = off
max_prepared_transactions = 2
CONF
  as_server pg_ctl start --pgdata "$PWD/data" --log log --wait --silent || { cat log >&2; exit 3; }
  admin postgres -c 'CREATE DATABASE shop'
}

start_sftp() {
  mkdir -p "$servers/sftp/files/outgoing" "$folder/secrets"
  cd "$servers/sftp"
  PARTNER_PORT="$(free_port)"
  # Under sudo the one who called it logs in: root is often not allowed to.
  PARTNER_USER="${SUDO_USER:-$(id -un)}"
  export PARTNER_PORT PARTNER_USER
  ssh-keygen -q -t ed25519 -N '' -C '' -f host_key
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/secrets/partner_key"
  echo "[127.0.0.1]:$PARTNER_PORT $(cat host_key.pub)" >"$folder/secrets/known_hosts"
  cp "$folder/secrets/partner_key.pub" authorized_keys
  cat >config <<CONF
Port $PARTNER_PORT
ListenAddress 127.0.0.1
HostKey $servers/sftp/host_key
AuthorizedKeysFile $servers/sftp/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d $servers/sftp/files
CONF
  # Where sshd of root locks itself in.
  if is_root; then mkdir -p /run/sshd; fi
  "$(command -v sshd)" -D -f "$servers/sftp/config" -E "$servers/sftp/log" &
  sftp_pid=$!
  until (: <"/dev/tcp/127.0.0.1/$PARTNER_PORT") 2>/dev/null; do
    kill -0 "$sftp_pid" 2>/dev/null || { cat log >&2; exit 3; }
    sleep 0.1
  done
}

start_servers() {
  servers="$(mktemp -d "${TMPDIR:-/tmp}/lakeledger-servers-XXXXXX")"
  trap stop_servers EXIT
  # The users that the servers run as must get to their files.
  chmod 755 "$servers"
  start_postgres
  start_sftp
}

stop_servers() {
  set +e
  cd /
  if [[ -n "${sftp_pid:-}" ]]; then { kill "$sftp_pid"; wait "$sftp_pid"; } 2>/dev/null; fi
  if [[ -e "$servers/postgres/data/postmaster.pid" ]]; then
    as_server pg_ctl stop --pgdata "$servers/postgres/data" --mode immediate --silent
  fi
  rm -rf "$servers" "$folder/secrets"
}

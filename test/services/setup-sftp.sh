#!/usr/bin/env bash
# Installs OpenSSH's server for the SFTP suite, which runs a private one of its own. Quick when it is there already. No system service is started or left enabled.
set -euo pipefail

SSHD=/usr/sbin/sshd

if [[ -x "$SSHD" ]]; then
  echo "OpenSSH is ready: $SSHD"
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "cannot install OpenSSH: there is no apt-get; install its server another way, so that there is $SSHD" >&2
  exit 1
fi
if [[ "$(id -u)" != 0 ]]; then
  echo "cannot install OpenSSH: this needs root; run it with sudo" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
if [[ ! -e "$policy" ]]; then
  # Asked by the packages before they start anything: 101 is no.
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
echo "installing openssh-server"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || { echo "cannot install OpenSSH: the list of packages cannot be read; see above" >&2; exit 1; }
apt-get install -y -qq --no-install-recommends openssh-server >/dev/null ||
  { echo "cannot install OpenSSH: the packages cannot be installed; see above" >&2; exit 1; }
if command -v systemctl >/dev/null; then
  systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
fi
[[ -x "$SSHD" ]] || { echo "the installation is not complete; see above" >&2; exit 1; }
echo "OpenSSH is ready: $SSHD"

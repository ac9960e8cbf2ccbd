#!/usr/bin/env bash
# Installs OpenSSH's server for the SFTP suite, which runs a private one of its own. Quick when it is there already. No system service is started or left enabled.
set -euo pipefail
SERVER=OpenSSH
source "$(dirname "$0")/apt.sh"

SSHD=/usr/sbin/sshd

ready() {
  [[ -x "$SSHD" ]] || return 1
  echo "OpenSSH is ready: $SSHD"
}

if ready; then exit 0; fi
prepare_apt "install its server another way, so that there is $SSHD"
install_packages openssh-server
if command -v systemctl >/dev/null; then
  systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
fi
ready || refuse "the installation is not complete; see above"

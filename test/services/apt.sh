# Sourced by the scripts that install servers for the services suite on Debian. `SERVER` is what they install, for messages.

# refuse REASON: ends the script.
refuse() {
  echo "cannot install $SERVER: $1" >&2
  exit 1
}

# prepare_apt OTHERWISE: what packages need before they can be installed, and that they start no service. OTHERWISE says what to do without apt-get.
prepare_apt() {
  command -v apt-get >/dev/null || refuse "there is no apt-get; $1"
  [[ "$(id -u)" == 0 ]] || refuse "this needs root; run it with sudo"
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e "$policy" ]]; then
    # Asked by the packages before they start anything: 101 is no.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  echo "installing $SERVER"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || refuse "the list of packages cannot be read; see above"
}

# install_packages NAME…
install_packages() {
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null || refuse "the packages cannot be installed; see above"
}

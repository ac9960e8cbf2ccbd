#!/usr/bin/env bash
# Installs chdb (ClickHouse with delta-kernel-rs) into interop/node_modules, for the interoperability suite. Quick when it is there already.
set -euo pipefail
cd "$(dirname "$0")/../../interop"

installed() { cmp --silent package-lock.json node_modules/.installed-lock.json; }

if ! installed; then
  echo "installing chdb into interop/node_modules"
  npm ci --silent
  cp package-lock.json node_modules/.installed-lock.json
fi
echo "chdb is ready: $(node -p 'require("./node_modules/chdb/package.json").version')"

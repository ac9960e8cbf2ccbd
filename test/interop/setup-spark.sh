#!/usr/bin/env bash
# Fetches the jars of Delta Lake into .venv/jars, beside the Spark that setup-python.sh installed. Quick when they are there already.
set -euo pipefail
cd "$(dirname "$0")/../.."

installed() { cmp --silent interop/pom.xml .venv/jars/installed-pom.xml; }

for command in java mvn; do
  command -v "$command" >/dev/null || { echo "no $command found: Spark needs Java 17 or newer, and Maven to fetch Delta Lake" >&2; exit 1; }
done
[[ -x .venv/bin/python ]] || { echo "no .venv: run test/interop/setup-python.sh first" >&2; exit 1; }
if ! installed; then
  echo "fetching Delta Lake for Spark into .venv/jars"
  rm -rf .venv/jars
  # Spark brings everything else.
  mvn --quiet --batch-mode -Dstyle.color=never --file interop/pom.xml dependency:copy-dependencies \
    -DincludeGroupIds=io.delta,io.unitycatalog -DoutputDirectory="$PWD/.venv/jars"
  cp interop/pom.xml .venv/jars/installed-pom.xml
fi
echo "Delta Lake for Spark is ready: $(basename -a .venv/jars/*.jar | paste -sd ' ')"

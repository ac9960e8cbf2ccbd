#!/usr/bin/env bash
# Installs delta-rs and Spark into .venv of this checkout, for the interoperability and crash suites. Quick when they are there already.
set -euo pipefail
cd "$(dirname "$0")/../.."

WANTED=(deltalake==1.6.6 pyarrow==26.0.1 pyspark==4.2.0 delta-spark==4.4.0)

has_wanted() {
  [[ -x .venv/bin/python ]] && .venv/bin/python - "${WANTED[@]}" <<'PYTHON' 2>/dev/null
import sys
from importlib.metadata import version
import deltalake, delta, pyarrow, pyspark
sys.exit(any(version(wanted.split("==")[0]) != wanted.split("==")[1] for wanted in sys.argv[1:]))
PYTHON
}

if has_wanted; then
  echo "delta-rs and Spark are ready: ${WANTED[*]}"
  exit 0
fi
python="${PYTHON:-$(command -v python3 || true)}"
if [[ -z "$python" ]]; then
  echo "no python3 found: install Python 3.10 or newer, or name one with PYTHON=…" >&2
  exit 1
fi
echo "installing ${WANTED[*]} into .venv"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "${WANTED[@]}"
has_wanted || { echo "the installation is not complete; see above" >&2; exit 1; }
echo "delta-rs and Spark are ready: ${WANTED[*]}"

#!/usr/bin/env bash
# A week of a small shop, loaded with lakeledger. README.md tells the story.
#   bash examples/shop/run.sh [--shell] [FOLDER]
#   FOLDER   where the lake goes: new or empty (default: a new one among the temporary files)
#   --shell  at the end, a shell in FOLDER while the servers still run
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
repository="$(cd "$here/../.." && pwd)"
source "$here/servers.sh"
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  printf 'error: %s\ntry: %s\n' "$1" "$2" >&2
  exit 2
}

# The command of the checkout, or that of the project that this folder was copied into.
lakeledger() {
  if [[ -f "$repository/dist/cli.js" ]]; then node "$repository/dist/cli.js" "$@"; else (cd "$here" && npx --offline --no -- lakeledger "$@"); fi
}

shell=false
folder=''
for word in "$@"; do
  case "$word" in
    --shell) shell=true ;;
    -*) fail "there is no option $word" "bash examples/shop/run.sh [--shell] [FOLDER]" ;;
    *) folder="$word" ;;
  esac
done
if [[ -n "$folder" && -e "$folder" && (! -d "$folder" || -n "$(ls -A "$folder")") ]]; then
  fail "$folder is not empty, and the week begins with an empty lake" "another folder, or remove this one first"
fi
need_servers
lakeledger --version >/dev/null || fail "lakeledger does not start" "npm ci in the checkout, or npm install lakeledger where this folder was copied to"

[[ -n "$folder" ]] || folder="$(mktemp -d "${TMPDIR:-/tmp}/lakeledger-shop-XXXXXX")"
mkdir -p "$folder/inbox"
folder="$(cd "$folder" && pwd)"
cp "$here/lakeledger.yaml" "$folder/"
export LAKELEDGER_CONFIG="$folder/lakeledger.yaml"
start_servers
cd "$folder"

title() { printf '\n== %s\n' "$*"; }

# run LINE: shows a line as one would type it, and runs it.
run() {
  printf '\n$ %s\n' "$1"
  eval "$1"
}

# What happens in the world outside.
shop() { admin shop -f "$here/sql/$1.sql"; }
partner() { cp "$here/data/$1" "$servers/sftp/files/outgoing/"; }
returns() { cp "$here/data/$1" "$folder/inbox/"; }

title 'Monday, 2 March: the first day'
shop monday
partner prices/prices-20260302.csv
returns returns/returns-20260302.csv
run 'lakeledger validate lakeledger.yaml'
run 'lakeledger ingest --date 2026-03-02'
run 'lakeledger status'

title 'Tuesday, 3 March: a till leaves its transaction open, there are no returns, the partner corrects Monday'
shop tuesday
partner prices/prices-20260303.csv
partner corrections/prices-20260302.csv
run 'lakeledger ingest --date next'
run "lakeledger query \"SELECT watermark_value, open_transactions FROM metadata.watermark WHERE source_name = 'orders'\""
run 'lakeledger plan prices'
run 'lakeledger ingest prices'

title 'Wednesday, 4 March: the machine that loads is off'
shop wednesday
partner prices/prices-20260304.csv
returns returns/returns-20260304.csv

title 'Thursday, 5 March: a holiday'

title 'Friday, 6 March: the till commits what it wrote on Tuesday'
shop friday
partner prices/prices-20260306.csv
returns returns/returns-20260306.csv
run 'lakeledger ingest --date 2026-03-06'
run "lakeledger query \"SELECT id, amount, status, updated_at FROM bronze.shop_orders WHERE _ingest_date = '2026-03-06' ORDER BY id\""
run 'lakeledger status'

title 'What is missing is run, and what will never come is waived'
run 'lakeledger backfill --from 2026-03-02 --to 2026-03-06 --only-missing --dry-run'
run 'lakeledger backfill --from 2026-03-02 --to 2026-03-06 --only-missing'
run 'lakeledger status | tail -n 1'
run 'lakeledger state waive returns 2026-03-03 --reason "the returns desk was closed"'
run 'lakeledger status | tail -n 1'

title 'Two days have changed since they were loaded: they are run again'
run 'lakeledger query "SELECT placed, id, customer_name, amount FROM bronze.shop_completed_orders ORDER BY ALL"'
run 'lakeledger backfill --source completed_orders --from 2026-03-02 --to 2026-03-03'
run 'lakeledger query "SELECT placed, id, customer_name, amount FROM bronze.shop_completed_orders ORDER BY ALL"'

title 'What is in the lake'
run 'lakeledger query "SELECT id, amount, status, updated_at FROM bronze.shop_orders QUALIFY row_number() OVER (PARTITION BY id ORDER BY _extracted_at DESC, _row_no DESC) = 1 ORDER BY id"'
run 'lakeledger query "SELECT id, name, price, _ingest_date, _deleted FROM bronze.shop_products WHERE id IN (2, 4, 5) ORDER BY id, _ingest_date"'
run 'lakeledger query "SELECT product_id, net_price, parse_filename(_source_path) AS file FROM bronze.prices WHERE product_id = 2 ORDER BY file"'

title 'Once more: nothing is loaded twice'
run 'lakeledger ingest --date 2026-03-06'
run 'lakeledger verify --depth full'

if [[ "$shell" == true ]]; then
  title 'A shell; the servers stop when it ends'
  export -f lakeledger
  export repository here
  bash || true
fi
title "The lake is in $folder/lake"

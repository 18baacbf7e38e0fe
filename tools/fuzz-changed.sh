#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME in the packages whose Go files changed
# since BASE; without a BASE, in all packages.
#   tools/fuzz-changed.sh [BASE] [FUZZTIME]
set -euo pipefail
base=${1:-}
fuzztime=${2:-60s}
module=$(go list -m)

changed() {
  if [ -n "$base" ]; then
    git diff --name-only "$base" HEAD -- '*.go'
  else
    git ls-files -- '*.go'
  fi | xargs -r -n1 dirname | sort -u
}

ran=0
while read -r dir; do
  compgen -G "$dir/*_test.go" >/dev/null || continue
  # Folders with a go.mod of their own are other modules.
  go list "./$dir" >/dev/null 2>&1 || continue
  targets=$(grep -hoE '^func (Fuzz[A-Za-z0-9_]+)' "$dir"/*_test.go | awk '{print $2}' | sort -u || true)
  for target in $targets; do
    echo "fuzz $module/$dir $target for $fuzztime"
    # -run matches nothing: the unit tests have had their turn.
    go test -run '^$' -fuzz "^${target}\$" -fuzztime "$fuzztime" "./$dir" >.fuzz.log 2>&1 || {
      # When time is up while a worker is busy, go test says so and fails; without
      # an input that failed there is no finding.
      if grep -q 'context deadline exceeded' .fuzz.log && ! grep -q 'Failing input written' .fuzz.log; then
        echo "  time was up while a worker was busy; no input failed"
      else
        cat .fuzz.log
        rm -f .fuzz.log
        exit 1
      fi
    }
    tail -n 2 .fuzz.log | head -n 1
    ran=$((ran + 1))
  done
done < <(changed)
rm -f .fuzz.log
echo "$ran fuzz targets ran"

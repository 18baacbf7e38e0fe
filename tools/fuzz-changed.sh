#!/usr/bin/env bash
# Runs every fuzz target in the packages whose Go files changed since BASE (all
# packages without a BASE): SECONDS_EACH for each, and no more than BUDGET seconds
# in all, so that a change to everything does not make the build endless.
#   tools/fuzz-changed.sh [BASE] [SECONDS_EACH] [BUDGET]
set -euo pipefail
base=${1:-}
each=${2:-60}
budget=${3:-600}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

changed() {
  if [ -n "$base" ]; then
    git diff --name-only "$base" HEAD -- '*.go'
  else
    git ls-files -- '*.go'
  fi | xargs -r -n1 dirname | sort -u
}

targets=()
while read -r dir; do
  compgen -G "$dir/*_test.go" >/dev/null || continue
  # Folders with a go.mod of their own are other modules.
  go list "./$dir" >/dev/null 2>&1 || continue
  for target in $(grep -hoE '^func (Fuzz[A-Za-z0-9_]+)' "$dir"/*_test.go | awk '{print $2}' | sort -u || true); do
    targets+=("$dir $target")
  done
done < <(changed)

if [ ${#targets[@]} -gt 0 ] && [ $((budget / ${#targets[@]})) -lt "$each" ]; then
  each=$((budget / ${#targets[@]}))
fi
for t in "${targets[@]}"; do
  read -r dir target <<<"$t"
  echo "fuzz ./$dir $target for ${each}s"
  # -run matches nothing: the unit tests have had their turn.
  go test -run '^$' -fuzz "^${target}\$" -fuzztime "${each}s" -fuzzminimizetime 5x "./$dir" >"$log" 2>&1 || {
    # When time is up while a worker is busy, go test says so and fails; without
    # an input that failed there is no finding.
    if grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log"; then
      echo "  time was up while a worker was busy; no input failed"
      continue
    fi
    cat "$log"
    exit 1
  }
done
echo "${#targets[@]} fuzz targets ran"

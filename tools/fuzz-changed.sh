#!/usr/bin/env bash
# Runs every fuzz target in the packages whose Go files changed since BASE (all
# packages without a BASE): SECONDS_EACH for each, and less where all of them would
# take more than BUDGET seconds, compiling included, so that a change to everything
# does not make the build endless. Three seconds each has in any case.
#   tools/fuzz-changed.sh [BASE] [SECONDS_EACH] [BUDGET]
set -euo pipefail
base=${1:-}
each=${2:-60}
budget=${3:-600}
[[ $each$budget =~ ^[0-9]+$ ]] || { echo "fuzz-changed.sh: $each and $budget: whole seconds, without a unit" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

changed() {
  if [ -n "$base" ]; then
    git diff --name-only "$base" HEAD -- '*.go'
  else
    git ls-files -- '*.go'
  fi | xargs -r -n1 dirname | sort -u
}

# fuzz runs one target: DIR TARGET SECONDS. -run matches nothing: the unit tests have had
# their turn.
fuzz() {
  go test -run '^$' -fuzz "^$2\$" -fuzztime "$3s" -fuzzminimizetime 5x "./$1" >"$log" 2>&1
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

left=${#targets[@]}
SECONDS=0
for t in "${targets[@]}"; do
  read -r dir target <<<"$t"
  share=$(((budget - SECONDS) / left))
  share=$((share > each ? each : share < 3 ? 3 : share))
  left=$((left - 1))
  echo "fuzz ./$dir $target for ${share}s"
  for try in 1 2; do
    fuzz "$dir" "$target" "$share" && continue 2
    grep -q 'Failing input written' "$log" && break
    # Without an input that failed there is no finding where time was up while a worker was
    # busy, of which go test says so and fails.
    if grep -q 'context deadline exceeded' "$log"; then
      echo "  time was up while a worker was busy; no input failed"
      continue 2
    fi
    # A worker can be lost to something else than an input. What is wrong with the target
    # itself, or with its seeds, fails again.
    [ $try = 2 ] || { cat "$log"; echo "  no input failed: once more"; }
  done
  cat "$log"
  exit 1
done
echo "${#targets[@]} fuzz targets ran"

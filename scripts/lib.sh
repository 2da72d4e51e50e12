# Shared by the scripts of this folder; sourced, never run. The caller has set -euo pipefail.

weir_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Objects in the compiler's cache serve every checkout of this tree, wherever it lies.
export CCACHE_BASEDIR=$weir_root CCACHE_NOHASHDIR=1
weir_cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/weir

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# One clear sentence, then the end. Exit code 3: the environment.
die() {
  say "$*"
  exit 3
}

usage_error() {
  say "$* (see ${0##*/} --help)"
  exit 2
}

# retry N COMMAND...: again after 2, 4, 8... s; the last exit code is the result.
retry() {
  local attempts=$1 wait=2 attempt
  shift
  for ((attempt = 1; ; ++attempt)); do
    if "$@"; then return 0; fi
    if ((attempt >= attempts)); then return 1; fi
    say "attempt $attempt of $attempts failed: $*; again in $wait s"
    sleep "$wait"
    wait=$((wait * 2))
  done
}

# Compilers running at once: as many as there are cores, and at most one per 1.5 GB of free memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo)
  if ((memory < 1)); then memory=1; fi
  if ((memory < cores)); then echo "$memory"; else echo "$cores"; fi
}

# A run of `git clone` in another place must not inherit a cached build tree: it names absolute paths.
fresh_tree() {
  local tree=$1 home
  if [[ -f $tree/CMakeCache.txt ]]; then
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$tree/CMakeCache.txt")
    if [[ $home != "$weir_root" ]]; then
      say "$tree was configured for $home; it is made anew"
      rm -rf "$tree"
    fi
  fi
}

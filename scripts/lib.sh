# Sourced by the other scripts, at the root of the repository.
#
# cargo builds outside the working copy unless CARGO_TARGET_DIR says otherwise: several copies then share one build
# of the dependencies, and a backup of the copy stays small.
if [ -z "${CARGO_TARGET_DIR:-}" ]; then
  cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  CARGO_TARGET_DIR=$PWD/target
  if [ -n "$cache" ] && mkdir -p "$cache/wayfare/target" 2>/dev/null && [ -w "$cache/wayfare/target" ]; then
    CARGO_TARGET_DIR=$cache/wayfare/target
  fi
  unset cache
fi
export CARGO_TARGET_DIR

step() {
  printf '\n==> %s\n' "$*" >&2
}

#!/bin/sh
# Brings the example repository back from the commit before somebody deleted
# nearly everything:   testenv/demo.sh [NAME]      (after make build controlplane)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
rekindle=$root/bin/rekindle
name=${1:-demo}
export REKINDLE_CONTROLPLANE="${REKINDLE_CONTROLPLANE:-$root/bin/rekindle-controlplane}"
[ -x "$rekindle" ] && [ -x "$REKINDLE_CONTROLPLANE" ] || { echo "run make build controlplane first" >&2; exit 1; }

work=${XDG_CACHE_HOME:-$HOME/.cache}/rekindle/demo
repo=$work/shop.git
rm -rf "$repo" # built anew, always the same
mkdir -p "$work"
sh "$root/testenv/example/make-repo.sh" "$repo"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

say "The history of the example repository, newest first:"
git -C "$repo" log --date=format:'%Y-%m-%d %H:%M' --format='  %h  %ad  %s%d' main

say "Friday evening nearly everything was deleted. What v1.2 has and main lacks:"
git -C "$repo" diff --stat main v1.2 -- | sed '$!d; s/^/ /'

set -- restore --repo "$repo" --at v1.2 --path deploy --provider local --name "$name" --prune --yes
say "rekindle $*"
"$rekindle" "$@"

say "To type the commands above, put rekindle on your PATH:"
echo "  export PATH=$root/bin:\$PATH"
say "Another commit, in place:"
echo "  rekindle restore --name $name --provider local --repo $repo --at v1.0 --path deploy --prune"

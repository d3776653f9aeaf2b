#!/bin/sh
# Builds the example repository, bare, at DIR:   make-repo.sh DIR
#
# Each folder of commits/ is one commit, in the order of their names: tree/
# holds the files that it adds or changes, removed names those that it deletes,
# commit has author, date, maybe a tag, and after an empty line the message.
# Nothing of this machine goes in, so the hashes are the same everywhere.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -e "$1" ] && [ -n "$(ls -A "$1")" ]; then
	echo "$1 exists and is not empty: choose another directory" >&2
	exit 1
fi

unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY 2>/dev/null || :
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1
git init --quiet --bare --initial-branch=main "$1"
repo=$(CDPATH='' cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_DIR="$repo" GIT_WORK_TREE="$work/tree" GIT_INDEX_FILE="$work/index"
mkdir "$work/tree"

field() { sed -n "/^$/q; s/^$2: //p" "$1"; }

for commit in "$here"/commits/*/; do
	meta=$commit/commit
	if [ -f "$commit/removed" ]; then
		while read -r file; do rm "$work/tree/$file"; done <"$commit/removed"
	fi
	[ ! -d "$commit/tree" ] || cp -R "$commit/tree/." "$work/tree/"
	find "$work/tree" -type f -exec chmod 644 {} +
	author=$(field "$meta" author)
	GIT_AUTHOR_NAME=${author% <*}
	GIT_AUTHOR_EMAIL=${author##*<}
	GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL%>}
	GIT_AUTHOR_DATE=$(field "$meta" date)
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
	export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL" GIT_COMMITTER_DATE="$GIT_AUTHOR_DATE"
	git -C "$work/tree" add --all .
	sed '1,/^$/d' "$meta" | git -C "$work/tree" commit --quiet --no-gpg-sign --no-verify -F -
	tag=$(field "$meta" tag)
	[ -z "$tag" ] || git tag --no-sign -m "$tag" "$tag"
done

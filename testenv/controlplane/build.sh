#!/bin/sh
# Builds rekindle-controlplane and puts it at OUT:   build.sh OUT
#
# The first build compiles Kubernetes and takes minutes; the result is kept in
# ${XDG_CACHE_HOME:-~/.cache}/rekindle/controlplane, keyed by what it is made
# from, so that the next one only makes a link. Safe when several run at once.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUT" >&2; exit 2; }
case $1 in
/*) out=$1 ;;
*) out=$PWD/$1 ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
go=${GO:-go}
name=rekindle-controlplane
kubernetes=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$here/go.mod" | head -1)

# One key for everything that goes into the binary.
key=$(
	cd "$here"
	{
		$go version
		$go env GOOS GOARCH
		find . -type f \( -name '*.go' ! -name '*_test.go' -o -name go.mod -o -name go.sum -o -name build.sh \) |
			LC_ALL=C sort | while read -r f; do echo "$f"; cat "$f"; done
	} | sha256sum | cut -c1-64
)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rekindle/controlplane/$key
ready=$cache/$name

place() {
	mkdir -p "$(dirname -- "$out")"
	[ "$out" -ef "$ready" ] && return
	tmp=$out.tmp.$$
	# A hard link where that works, else a copy; then in place in one step.
	ln "$ready" "$tmp" 2>/dev/null || cp "$ready" "$tmp"
	mv -f "$tmp" "$out"
}

if [ -x "$ready" ]; then
	touch "$cache"
	place
	exit 0
fi

echo "Building the local control plane (Kubernetes $kubernetes, etcd, kwok): the first build takes minutes." >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
builder=
trap '[ -z "$builder" ] || kill "$builder" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cd "$here"
total=$(CGO_ENABLED=0 GOWORK=off $go list -deps . 2>"$work/list" | wc -l) || { cat "$work/list" >&2; exit 1; }
minor=${kubernetes#v1.}
minor=${minor%%.*}
(
	status=0
	CGO_ENABLED=0 GOWORK=off nice -n 5 $go build -v -trimpath -buildvcs=false -ldflags "-s -w \
-X k8s.io/component-base/version.gitVersion=$kubernetes \
-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor" \
		-o "$work/$name" . 2>"$work/log" || status=$?
	echo "$status" >"$work/status"
) &
builder=$!

# -v names each package that had to be compiled. A line that changes on a
# terminal, a line every 15 s elsewhere.
seconds=0
while [ ! -s "$work/status" ]; do
	sleep 1
	seconds=$((seconds + 1))
	compiled=$(wc -l <"$work/log" 2>/dev/null || echo 0)
	line="  $compiled of at most $total packages compiled, ${seconds}s"
	if [ -t 2 ]; then
		printf '\r%s' "$line" >&2
	elif [ $((seconds % 15)) -eq 0 ]; then
		echo "$line" >&2
	fi
done
wait "$builder" || true # its status is in the file
builder=
[ ! -t 2 ] || printf '\n' >&2
if [ "$(cat "$work/status")" -ne 0 ]; then
	tail -30 "$work/log" >&2
	echo "The local control plane could not be built." >&2
	exit 1
fi
mv -f "$work/$name" "$ready"
place
# What nobody has asked for in two weeks was made from older inputs.
find "$(dirname -- "$cache")" -mindepth 1 -maxdepth 1 -type d -mtime +14 -exec rm -rf {} +
echo "Built $out in ${seconds}s." >&2

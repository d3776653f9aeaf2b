#!/bin/sh
# Makes a Docker daemon answer:   up.sh
#
# Where one answers already, this does nothing. Elsewhere it starts the dockerd
# of this machine (as root, without systemd), after installing Debian's packages
# when there is none. The daemon is left running, and its process id is all that
# is printed to stdout; its log is in ${XDG_CACHE_HOME:-~/.cache}/rekindle/docker.
set -eu

answers() { timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }
fail() {
	echo "No Docker: $*" >&2
	exit 1
}

if command -v docker >/dev/null && version=$(answers); then
	echo "Docker $version answers." >&2
	exit 0
fi
case ${DOCKER_HOST:-unix:///var/run/docker.sock} in
unix:///var/run/docker.sock | unix:///run/docker.sock) ;;
*) fail "\$DOCKER_HOST is $DOCKER_HOST, and nothing answers there" ;;
esac
[ "$(id -u)" -eq 0 ] || fail "the daemon does not answer, and only root may start it: sudo $0, or start Docker by hand"

missing=
command -v dockerd >/dev/null || missing="$missing docker.io"
command -v jq >/dev/null || missing="$missing jq"
command -v iptables >/dev/null || missing="$missing iptables"
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || fail "please install:$missing"
	echo "Installing$missing." >&2
	apt-get update -qq >&2
	# shellcheck disable=SC2086 # a list
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

home=${XDG_CACHE_HOME:-$HOME/.cache}/rekindle/docker
mkdir -p "$home"
set --
bounding=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
if [ $((0x$bounding >> 24 & 1)) -eq 0 ]; then
	here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
	install -m 755 "$here/runc-without-resource" "$home/"
	set -- --add-runtime "without-resource=$home/runc-without-resource" --default-runtime without-resource
fi
# Each node runs systemd, a kubelet and containerd, which watch files: with the
# kernel's default a few nodes at once end for want of watches.
limit=/proc/sys/fs/inotify/max_user_instances
[ "$(cat $limit)" -ge 1024 ] || echo 1024 >$limit || true
echo "Starting dockerd; its log is $home/dockerd.log" >&2
setsid dockerd --pidfile "$home/dockerd.pid" "$@" >"$home/dockerd.log" 2>&1 </dev/null &
daemon=$!
seconds=0
until version=$(answers); do
	seconds=$((seconds + 1))
	if [ $seconds -ge 60 ] || ! kill -0 $daemon 2>/dev/null; then
		kill $daemon 2>/dev/null || true
		tail -20 "$home/dockerd.log" >&2
		fail "dockerd did not start"
	fi
	sleep 1
done
# Somebody else's may have been quicker, and ours ended then.
if kill -0 $daemon 2>/dev/null; then
	echo $daemon
fi
echo "Docker $version started." >&2

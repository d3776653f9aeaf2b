#!/bin/bash
# Builds the node image of the tests and loads it into the local Docker:
#
#	build.sh [IMAGE]        rekindle.test/node:v1.36.3 unless named
#
# Everything in it comes from Debian's packages and from Go modules; no registry
# is asked. It takes a quarter of an hour at first, most of it compiling, and
# seconds when Docker or ${XDG_CACHE_HOME:-~/.cache}/rekindle/kindnode has an
# image of the same inputs. README.md says what differs from kind's own images.
# Needs root, debootstrap and Docker.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
controlplane=$here/../controlplane
go=${GO:-go}
suite=bookworm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export CGO_ENABLED=0 GOWORK=off
# The client may be newer than the daemon, and not all of them agree by themselves.
export DOCKER_API_VERSION=${DOCKER_API_VERSION:-$(docker version --format '{{.Server.APIVersion}}')}

version() { sed -n "s|^[[:space:]]*$2 \(v[0-9.]*\).*|\1|p" "$1/go.mod" | head -1; }
kubernetes=$(version "$controlplane" k8s.io/kubernetes)
image=${1:-rekindle.test/node:$kubernetes}
packages=systemd,systemd-sysv,containerd,runc,containernetworking-plugins,iptables,nftables,conntrack
packages+=,iproute2,ethtool,socat,util-linux,mount,kmod,libseccomp2,e2fsprogs,ca-certificates,jq,procps,hostname,busybox-static

say() { echo "== $* (${SECONDS}s)" >&2; }

# One key for everything that goes into the image but Debian's own updates.
key=$(
	cd "$here"
	{
		$go version
		$go env GOARCH
		find build.sh files pause provisioner tools -type f | LC_ALL=C sort | xargs sha256sum
		sha256sum <"$controlplane/go.mod"
		grep 'sigs.k8s.io/kind ' "$here/../../go.mod"
	} | sha256sum | cut -c1-32
)
home=${XDG_CACHE_HOME:-$HOME/.cache}/rekindle/kindnode
cached=$home/$key.tar.gz
built=rekindle.test/node:built-$key

if docker image inspect "$built" >/dev/null 2>&1; then
	docker tag "$built" "$image"
	exit 0
fi
if [ -f "$cached" ]; then
	say "loading the node image"
	docker load --quiet --input "$cached" >&2
	docker tag "$built" "$image"
	exit 0
fi

[ "$(id -u)" -eq 0 ] || { echo "The node image is built by root: sudo $0" >&2; exit 1; }
if ! command -v debootstrap >/dev/null || ! command -v jq >/dev/null; then
	command -v apt-get >/dev/null || { echo "please install: debootstrap jq" >&2; exit 1; }
	say "installing debootstrap and jq"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap jq >/dev/null
fi
say "building the node image for Kubernetes $kubernetes: minutes, the first time"
mkdir -p "$home"
# Two builds at once would be twice the work.
exec 9>"$home/lock"
flock 9
if docker image inspect "$built" >/dev/null 2>&1; then # by now
	docker tag "$built" "$image"
	exit 0
fi
work=$(mktemp -d "$home/build.XXXXXX")
stage=rekindle.test/node-stage:$$
builder=rekindle-node-build-$$
temporary=()
names=()
finish() {
	docker rm --force --volumes "$builder" >/dev/null 2>&1 || true
	[ ${#temporary[@]} -eq 0 ] || docker rmi --force "${temporary[@]}" >/dev/null 2>&1 || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT

bin=$work/bin
root=$work/root
mkdir -p "$bin"

binaries() {
	say "compiling"
	local minor=${kubernetes#v1.}
	local stamp="-X k8s.io/component-base/version.gitVersion=$kubernetes \
		-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
	compile() { # FOLDER LDFLAGS PACKAGE...
		(cd "$1" && nice -n 5 "$go" build -trimpath -buildvcs=false -ldflags "-s -w $2" -o "$bin/" "${@:3}")
	}
	compile "$controlplane" "$stamp" \
		k8s.io/kubernetes/cmd/{kubelet,kubeadm,kubectl,kube-proxy,kube-apiserver,kube-controller-manager,kube-scheduler}
	compile "$controlplane" "" go.etcd.io/etcd/server/v3
	mv "$bin/v3" "$bin/etcd" 2>/dev/null || mv "$bin/server" "$bin/etcd"
	compile "$here/tools" "" github.com/coredns/coredns sigs.k8s.io/cri-tools/cmd/crictl
	compile "$here" "" ./pause
	compile "$here/provisioner" "" github.com/rancher/local-path-provisioner
}

# system makes the node's file system: Debian, and over it the files and the
# settings that kind's own base image has.
system() {
	say "installing Debian $suite"
	debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 ||
		{ tail -20 "$work/debootstrap.log" >&2; exit 1; }
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}/*

	local kind
	kind=$(cd "$here/../.." && $go mod download -json sigs.k8s.io/kind | jq -r .Dir)
	# Module files are read-only, and not executable.
	cp -r --no-preserve=mode,ownership "$kind/images/base/files/." "$root/"
	cp -r --no-preserve=ownership "$here/files/usr" "$here/files/etc" "$here/files/kind" "$root/"
	chmod 755 "$root"/usr/local/bin/* "$root"/kind/bin/*
	install -m 755 "$bin"/{kubelet,kubeadm,kubectl} "$root/usr/bin/"
	install -m 755 "$bin/crictl" "$root/usr/local/bin/"
	printf %s "$kubernetes" >"$root/kind/version"

	# What Debian puts elsewhere than kind's units and settings look for it.
	ln -s /usr/bin/containerd /usr/bin/ctr /usr/bin/containerd-shim-runc-v2 "$root/usr/local/bin/"
	mkdir -p "$root/opt/cni" "$root/etc/cni/net.d" "$root/etc/kubernetes/manifests"
	ln -s /usr/lib/cni "$root/opt/cni/bin"

	rm -f "$root"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service \
		"$root"/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* \
		"$root"/etc/systemd/system/*.wants/* \
		"$root"/lib/systemd/system/sockets.target.wants/*{udev,initctl,dbus}*
	echo ReadKMsg=no >>"$root/etc/systemd/journald.conf"
	chroot "$root" systemctl enable kubelet containerd undo-mount-hacks node-network 2>/dev/null
	chroot "$root" systemctl mask systemd-binfmt 2>/dev/null
	chroot "$root" ctr oci spec |
		jq '.hooks.createContainer += [{ path: "/kind/bin/mount-product-files.sh" }] | del(.process.rlimits)' >"$root/etc/containerd/cri-base.json"

	# A host that lacks CAP_SYS_RESOURCE cannot lower scores, and one with the
	# first version of control groups needs the kubelet's consent.
	sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"
	sed -i 's/^KUBELET_EXTRA_ARGS=/&--fail-cgroupv1=false /' "$root/etc/default/kubelet"
}

# pack makes a container image of the files that stand in a folder. In this
# machine's Docker it has a name of ours; the node knows it by its own.
pack() { # FOLDER TAG ENTRYPOINT
	tar -C "$1" --numeric-owner --owner=0 --group=0 -c . |
		docker import --change "ENTRYPOINT [\"$3\"]" --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$(staged "$2")" >/dev/null
	temporary+=("$(staged "$2")")
	names+=("$2")
}

staged() { echo "rekindle.test/stage-$$/$1"; }

# static packs one static binary; TAG may be several.
static() { # BINARY TAG...
	local folder
	folder=$work/images/$(basename "$1")
	mkdir -p "$folder/usr/local/bin" "$folder/tmp" "$folder/etc/ssl/certs"
	cp "$1" "$folder/usr/local/bin/"
	cp "$root/etc/ssl/certs/ca-certificates.crt" "$folder/etc/ssl/certs/"
	pack "$folder" "$2" "/usr/local/bin/$(basename "$1")"
	for tag in "${@:3}"; do
		docker tag "$(staged "$2")" "$(staged "$tag")"
		temporary+=("$(staged "$tag")")
		names+=("$tag")
	done
}

# proxy packs kube-proxy with the iptables tools and every library they may load.
proxy() { # TAG
	local folder=$work/images/kube-proxy
	mkdir -p "$folder"/{usr/local/{bin,sbin},bin,run,tmp,etc}
	install -m 755 "$bin/kube-proxy" "$folder/usr/local/bin/kube-proxy.bin"
	install -m 755 "$here/files/proxy-entry" "$folder/usr/local/bin/kube-proxy"
	cp "$root/bin/busybox" "$folder/bin/"
	for applet in sh grep ln; do ln -s busybox "$folder/bin/$applet"; done
	(
		cd "$root"
		local extensions=(usr/lib/*/xtables)
		local tools=(usr/sbin/xtables-{nft,legacy}-multi usr/sbin/ip{,6}tables-{nft,legacy}{,-save,-restore} usr/sbin/conntrack usr/sbin/nft)
		{
			printf '%s\n' "${tools[@]}"
			find "${extensions[@]}" -name '*.so'
			for file in "${tools[@]}" $(find "${extensions[@]}" -name '*.so'); do
				chroot . ldd "/$file" 2>/dev/null | grep -o '/[^ ]*' || true
			done | sed 's|^/||'
		} | sort -u
	) | tar -C "$root" -ch --no-recursion --files-from=- | tar -C "$folder" -x
	pack "$folder" "$1" /usr/local/bin/kube-proxy
}

# images makes what kubeadm wants to run, and what the manifests of kind name.
images() {
	say "making the images of the components"
	local wanted name tag=
	wanted=$(chroot "$root" kubeadm config images list --kubernetes-version "$kubernetes" 2>/dev/null)
	for tag in $wanted; do
		name=${tag##*/}
		name=${name%%:*}
		case $name in
		kube-proxy) proxy "$tag" ;;
		pause) static "$bin/pause" "$tag" "$(sed -n 's/.*sandbox_image = "\(.*\)"/\1/p' "$root/etc/containerd/config.toml")" ;;
		coredns | etcd | kube-*) static "$bin/$name" "$tag" ;;
		*) echo "kubeadm wants $tag, and nothing here makes it" >&2; exit 1 ;;
		esac
	done
	static "$bin/local-path-provisioner" rekindle.test/local-path-provisioner:built-in
	mkdir -p "$work/images/shell"/{bin,tmp}
	cp "$root/bin/busybox" "$work/images/shell/bin/"
	for name in sh mkdir rm chmod ls cat; do ln -s busybox "$work/images/shell/bin/$name"; done
	pack "$work/images/shell" rekindle.test/shell:built-in /bin/sh
	docker save "${temporary[@]}" >"$work/images.tar"
}

# assemble puts the images into the node's containerd, and the node into Docker.
assemble() {
	say "putting the node together"
	tar -C "$root" --numeric-owner -c . | docker import - "$stage" >/dev/null
	docker run --detach --name "$builder" --security-opt seccomp=unconfined --stop-signal SIGRTMIN+3 \
		--env container=docker --entrypoint sleep "$stage" infinity >/dev/null
	temporary+=("$stage")
	docker exec --detach "$builder" containerd
	docker exec "$builder" sh -c 'for i in 1 2 3 4 5 6 7 8 9; do ctr version >/dev/null 2>&1 && exit; sleep 1; done; exit 1'
	docker exec --interactive "$builder" ctr --namespace=k8s.io images import --all-platforms --no-unpack - \
		<"$work/images.tar" >/dev/null
	local name
	for name in "${names[@]}"; do
		docker exec "$builder" ctr --namespace=k8s.io images tag "$(staged "$name")" "$name" >/dev/null
		docker exec "$builder" ctr --namespace=k8s.io images rm "$(staged "$name")" >/dev/null
	done
	docker exec "$builder" pkill containerd || true
	docker exec "$builder" timeout 30 sh -c 'while pgrep containerd >/dev/null; do sleep 0.1; done'
	docker exec "$builder" sh -c 'rm -rf /run/containerd /tmp/*'
	docker commit --change 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]' "$builder" "$built" >/dev/null
	docker tag "$built" "$image"
	# Images of older inputs go, unless a container still runs on one.
	docker images --format '{{.Repository}}:{{.Tag}}' rekindle.test/node | grep ':built-' | grep -v "$key" |
		xargs -r docker rmi >/dev/null 2>&1 || true
}

binaries
system
images
assemble
say "keeping it in $cached"
docker save "$built" | gzip -1 >"$work/image.tar.gz"
mv "$work/image.tar.gz" "$cached"
# What nobody has asked for in two weeks was made from older inputs.
find "$home" -maxdepth 1 -name '*.tar.gz' -atime +14 -mtime +14 -delete
say "built $image"

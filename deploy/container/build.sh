#!/bin/sh
# Builds the image of the Dockerfile beside it without any registry: the program is
# built here, and packed as the Dockerfile's last stage says.
#
#   deploy/container/build.sh TAG [PROGRAM]     PROGRAM: one that is built already
set -eu
tag=${1:?usage: build.sh TAG [PROGRAM]}
here=$(cd "$(dirname "$0")" && pwd)
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

mkdir -p "$parts/out/state/rekindle" "$parts/out/cache" "$parts/out/tmp"
if [ -n "${2:-}" ]; then
    cp "$2" "$parts/out/rekindle"
else
    (cd "$here/../.." && CGO_ENABLED=0 go build -trimpath -tags kustomize_disable_go_plugin_support -ldflags=-s -o "$parts/out/rekindle" ./cmd/rekindle)
fi
for certs in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -f "$certs" ]; then cp "$certs" "$parts/out/ca-certificates.crt"; break; fi
done
[ -f "$parts/out/ca-certificates.crt" ] || { echo "build.sh: no certificates of authorities on this machine" >&2; exit 1; }
{
    printf 'FROM scratch AS build\nCOPY out /out/\n'
    sed -n '/^FROM scratch/,$p' "$here/Dockerfile"
} >"$parts/Dockerfile"
docker build -q -t "$tag" "$parts"

#!/bin/sh
# Name each image that is not built here by its digest: a tag can be moved to another image.
set -eu
cd "$(dirname "$0")/.."
files="deploy/compose.yaml Dockerfile"
# shellcheck disable=SC2086 - two files
images=$(sed -n 's/^ *image: *//p; s/^ARG BASE=//p' $files | grep -v '^merlin:' | sort -u)
edits=""
for image in $images; do
  tag=${image%@*}
  digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}')
  case $digest in
    sha256:*) edits="$edits;s|$image$|$tag@$digest|" ;;
    *) echo "$tag: no digest but '$digest'" >&2 && exit 1 ;;
  esac
done
# shellcheck disable=SC2086 - two files
sed -i "$edits" $files
git --no-pager diff -- $files

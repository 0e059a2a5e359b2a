# shellcheck shell=sh
# Container images: archives that are imported, and pulls, one by one, so that the one that hangs has a name.

IMAGE_SECONDS=240

# Archives of images, where the machine is to pull none from a registry. The mark of each names its images: a machine that
# leaves its cluster keeps them, as the marks say that they are here.
prepare_images() {
    use_proxy
    mkdir -p "$STATE/imported" || failed_write "$STATE/imported"
    while read -r path sum url; do
        [ -n "$path" ] && ! was_imported "$sum" || continue
        fetch "$path" "$sum" "$url"
        change "import $(basename "$path")"
        ctr -n k8s.io images import "$fetched" >/dev/null || fail "ctr images import $(basename "$path") failed"
        names_in "$fetched" >"$STATE/importing" && mv -f "$STATE/importing" "$STATE/imported/$sum" ||
            failed_write "$STATE/imported/$sum"
        rm -f "$fetched" # at once: what the disk has not yet written of it, it need not write at all
    done <<END
$IMAGES
END
    [ -z "$IMAGES" ] || keep_images "$(cat "$STATE/kept-images" 2>/dev/null)"
}

# was_imported SUM: the archive was, and all of its images are still here.
was_imported() {
    [ -f "$STATE/imported/$1" ] || return 1
    while read -r image; do
        crictl inspecti -q "$image" >/dev/null 2>&1 </dev/null || return 1
    done <"$STATE/imported/$1"
}

# Of the archives that the configuration names, the images, one a line.
archived_images() {
    if [ -n "${IMAGES+read}" ]; then printf '%s' "$IMAGES"; else kept_settings IMAGE; fi | while read -r _ sum _; do
        cat "$STATE/imported/$sum" 2>/dev/null || :
    done
}

# names_in ARCHIVE: of its images, one a line, whether `docker save` wrote it or it is an OCI layout.
names_in() {
    for document in manifest.json index.json; do
        tar -xOf "$1" "$document" 2>/dev/null || :
    done | tr -d '[:space:]' | {
        grep -o -E '"(RepoTags|io\.containerd\.image\.name)":(\[[^]]*]|"[^"]*")' || :
    } | sed 's/^[^:]*://' | tr -d '[]"' | tr ',' '\n'
}

# Identities of the images that archives brought.
imported_images() {
    cat "$STATE"/imported/* 2>/dev/null | while read -r image; do
        crictl images -q "$image" 2>/dev/null </dev/null || :
    done
}

# images_of master|worker VERSION PAUSE_IMAGE: what a machine of this kind runs, and all of which a digest is on record,
# one a line.
images_of() {
    kubeadm config images list --kubernetes-version "$2" 2>/dev/null >"$STATE/images" ||
        fail 'kubeadm config images list failed'
    {
        if [ "$1" = master ]; then cat "$STATE/images"; else
            grep '/kube-proxy:' "$STATE/images" || :
            say "$3"
        fi
        digests | cut -d ' ' -f 1
    } | awk 'NF && !seen[$0]++'
    rm -f "$STATE/images"
}

# Lines IMAGE DIGEST: of the configuration that was read, else of the one that the machine was prepared with.
digests() {
    if [ -n "${DIGESTS+read}" ]; then printf '%s' "$DIGESTS"; else kept_settings DIGEST; fi
}

# digest_of IMAGE: nothing if none is on record.
digest_of() {
    digests | awk -v image="$1" '$1 == image { print $2 }'
}

# pull_images IMAGES STAGES: those that are not here yet; as the first stages of so many more.
pull_images() {
    missing_images=''
    list_images
    for image in $1; do
        is_listed "$image" || image_is_here "$image" || missing_images="$missing_images $image"
    done
    # shellcheck disable=SC2086 # a list of names
    set -- "$2" $missing_images
    pull_number=0 pull_all=$(($# - 1)) stages_all=$(($# - 1 + $1))
    shift
    for image; do
        pull_number=$((pull_number + 1))
        say "stage $pull_number $stages_all image $pull_number of $pull_all $image"
        pull_image "$image"
    done
}

# images_missing IMAGE...: those that are not here as the configuration on stdin has them, one a line.
images_missing() {
    read_configuration
    rm -f "$CONFIGURATION.new"
    for image; do
        image_is_here "$image" || say "$image"
    done
}

# images_bring IMAGE...: what a node runs after an upgrade, as the configuration on stdin has it, before anything else of
# the new release is here. What it runs now stays.
images_bring() {
    read_configuration
    check_claim "$CLUSTER"
    rm -f "$CONFIGURATION.new"
    [ "$(member)" = "$CLUSTER" ] || fail "this machine is no node of $CLUSTER"
    (prepare_images)
    pull_images "$*" 0
    keep_images "$(cat "$STATE/kept-images" 2>/dev/null) $*"
}

# What is here, asked for once: asked for each image by itself, it takes a second.
list_images() {
    listed_names=" $(crictl images 2>/dev/null | awk 'NR > 1 { printf "%s:%s ", $1, $2 }')"
    listed_digests=" $(ctr -n k8s.io images ls 2>/dev/null | awk 'NR > 1 { printf "%s@%s ", $1, $3 }')"
}

# is_listed IMAGE: as `image_is_here`, of what was listed.
is_listed() {
    case $listed_names in *" $1 "*) ;; *) return 1 ;; esac
    here_digest=$(digest_of "$1")
    [ -n "$here_digest" ] || return 0
    case $listed_digests in *" $1@$here_digest "*) ;; *) return 1 ;; esac
}

# image_is_here IMAGE: as it was reviewed, where a digest of it is on record.
image_is_here() {
    here_digest=$(digest_of "$1")
    [ -z "$here_digest" ] || [ "$(digest_here "$1")" = "$here_digest" ] || return 1
    crictl inspecti -q "$1" >/dev/null 2>&1
}

# digest_here IMAGE: to which its name leads in containerd.
digest_here() {
    ctr -n k8s.io images ls "name==$1" 2>/dev/null | awk 'NR == 2 { print $3 }'
}

# pull_image IMAGE: by its digest where one is on record, and then under its name, by which kubeadm and the kubelet go.
pull_image() {
    pull_digest=$(digest_of "$1") pull_name=$1
    if [ -n "$pull_digest" ]; then
        pull_name=${1%:*}@$pull_digest
    elif [ -n "$(digests)" ]; then
        say "no digest of $1 is on record: it is pulled by its tag"
    fi
    for attempt in 1 2 3; do
        pull_status=0
        timeout "$IMAGE_SECONDS" crictl pull "$pull_name" >"$STATE/pull" 2>&1 </dev/null || pull_status=$?
        [ "$pull_status" -ne 0 ] || {
            rm -f "$STATE/pull"
            [ "$pull_name" = "$1" ] || name_image "$pull_name" "$1"
            return 0
        }
        [ "$pull_status" -ne 124 ] && [ "$attempt" -lt 3 ] || break
        sleep "$attempt"
    done
    pull_words=$(one_line <"$STATE/pull")
    [ "$pull_status" -ne 124 ] || pull_words="not there after $IMAGE_SECONDS s"
    rm -f "$STATE/pull"
    say "evidence image $1 $(comes_from "$1") $pull_words"
    say "evidence clock $(date +%s)"
    end "$UNREACHABLE" "the image $1 was not pulled from $(comes_from "$1"): $pull_words"
}

# name_image BY_DIGEST IMAGE: kubeadm and the kubelet would fetch by its name what they do not find under it.
name_image() {
    ctr -n k8s.io images tag --force "$1" "$2" >/dev/null || fail "ctr images tag $2 failed"
    named=0
    wanted_id=$(image_id "$1")
    until [ -n "$wanted_id" ] && [ "$(image_id "$2")" = "$wanted_id" ]; do # the part that they ask hears of it later
        [ "$named" -lt 20 ] || fail "containerd does not take $1 for $2"
        sleep 0.5 2>/dev/null || sleep 1
        named=$((named + 1))
    done
}

# keep_images IMAGES: where no container uses them, the kubelet clears images away when the disk fills up, and fetches
# them again by their names; not these, nor what archives brought, which no registry may have, until others are kept.
keep_images() {
    archived=$(archived_images)
    keep=$(printf '%s\n' $1 $archived | awk '!seen[$0]++')
    for image in $(cat "$STATE/kept-images" 2>/dev/null); do
        # shellcheck disable=SC2086 # a list of names
        is_among "$image" $keep || label_image "$image" ''
    done
    say "$keep" >"$STATE/kept-images" || failed_write "$STATE/kept-images"
    pinned=$(ctr -n k8s.io images ls -q 'labels."io.cri-containerd.pinned"==pinned' 2>/dev/null) || :
    for image in $keep; do
        # shellcheck disable=SC2086
        ! is_among "$image" $pinned || continue
        # shellcheck disable=SC2086
        [ -z "$(digest_of "$image")" ] && ! is_among "$image" $archived || label_image "$image" pinned
    done
}

label_image() {
    ctr -n k8s.io images label "$1" "io.cri-containerd.pinned=$2" >/dev/null 2>&1 || :
}

image_id() {
    crictl inspecti -o go-template --template '{{.status.id}}' "$1" 2>/dev/null || :
}

# comes_from IMAGE: the host that is asked for it first.
comes_from() {
    mirror_host=$(sed -n 's/^\[host\."\([^"]*\)"\]$/\1/p' "$REGISTRY_HOSTS" 2>/dev/null) || :
    if [ -n "$mirror_host" ]; then
        say "$mirror_host" | sed 's|^[a-z]*://||; s|/.*||'
    else
        case ${1%%/*} in *.* | *:* | localhost) say "${1%%/*}" ;; *) say docker.io ;; esac
    fi
}

# The last line that says something, no longer than a screen needs.
one_line() {
    tr -d '\033\r' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-500
}

# shellcheck shell=sh
# Container images: archives that are imported, and pulls, one by one, so that the one that hangs has a name.

IMAGE_SECONDS=240

# Archives of images, where the machine is to pull none from a registry.
prepare_images() {
    use_proxy
    mkdir -p "$STATE/imported" || failed_write "$STATE/imported"
    while read -r path sum url; do
        [ -n "$path" ] && [ ! -e "$STATE/imported/$sum" ] || continue
        fetch "$path" "$sum" "$url"
        change "import $(basename "$path")"
        ctr -n k8s.io images import "$fetched" >/dev/null || fail "ctr images import $(basename "$path") failed"
        : >"$STATE/imported/$sum"
    done <<END
$IMAGES
END
}

# images_of master|worker VERSION PAUSE_IMAGE: what a machine of this kind runs, one a line.
images_of() {
    kubeadm config images list --kubernetes-version "$2" 2>/dev/null >"$STATE/images" ||
        fail 'kubeadm config images list failed'
    if [ "$1" = master ]; then cat "$STATE/images"; else
        grep '/kube-proxy:' "$STATE/images" || :
        say "$3"
    fi
    rm -f "$STATE/images"
}

# pull_images IMAGES STAGES: those that are not here yet; as the first stages of so many more.
pull_images() {
    missing_images=''
    for image in $1; do
        image_is_here "$image" || missing_images="$missing_images $image"
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

image_is_here() {
    crictl inspecti -q "$1" >/dev/null 2>&1
}

pull_image() {
    for attempt in 1 2 3; do
        pull_status=0
        timeout "$IMAGE_SECONDS" crictl pull "$1" >"$STATE/pull" 2>&1 </dev/null || pull_status=$?
        [ "$pull_status" -ne 0 ] || { rm -f "$STATE/pull" && return; }
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

# shellcheck shell=sh
# Evidence: what else was seen on this machine when kubeadm failed. The lines are explained in installer/node/program.py.

# say_evidence SINCE, in Unix seconds
say_evidence() {
    # Before kubeadm wrote its configuration, the kubelet was none of the cluster's.
    if [ -e /var/lib/kubelet/config.yaml ] && { [ "$(kubelet_condition)" != ok ] || starts_nothing; }; then
        evidence_words=$(kubelet_error "$1")
        [ -z "$evidence_words" ] || say "evidence kubelet $evidence_words"
    fi
    for name in $STATIC_PODS; do
        [ ! -e "$MANIFESTS/$name.yaml" ] || container_evidence "$name"
    done
    say "evidence clock $(date +%s)"
}

# Pods of the cluster that wait for an image, once for each image and node.
waiting_evidence() {
    [ -f "$ADMIN" ] || return 0
    as_admin --request-timeout=10s get pods -A -o go-template="$WAITING" 2>/dev/null </dev/null |
        sed -n 's/^\(ErrImagePull\|ImagePullBackOff\|ErrImageNeverPull\) /evidence waiting /p' |
        awk '!seen[$3, $4]++' | head -n 20
}

# REASON IMAGE NODE POD
WAITING='{{range .items}}{{$pod := .}}{{range .status.containerStatuses}}{{if .state.waiting}}{{.state.waiting.reason}} {{.image}} {{$pod.spec.nodeName}} {{$pod.metadata.name}}{{"\n"}}{{end}}{{end}}{{end}}'

# A kubelet may be healthy and not get a single container of the control plane to run.
starts_nothing() {
    [ -e "$MANIFESTS/kube-apiserver.yaml" ] && [ -z "$(timeout 20 crictl ps -a --name '^kube-apiserver$' -q 2>/dev/null)" ]
}

# `ok`, or in one line why not.
kubelet_condition() {
    kubelet_says=$(curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:10248/healthz 2>&1) || :
    case $kubelet_says in
    ok) echo ok ;;
    *) say "$(active kubelet.service): $(printf '%s' "$kubelet_says" | one_line)" ;;
    esac
}

# The kubelet's last error since a time, in Unix seconds; the line that it ended with, if it did.
kubelet_error() {
    journalctl -u kubelet.service --since "@$1" --no-pager -o cat -n 400 2>/dev/null >"$STATE/kubelet.output" || :
    grep -E 'command failed|failed to run Kubelet|^F[0-9]|^panic:|^Error:' "$STATE/kubelet.output" >"$STATE/kubelet.end" ||
        grep -E '^E[0-9]' "$STATE/kubelet.output" >"$STATE/kubelet.end" || :
    one_line <"$STATE/kubelet.end"
    rm -f "$STATE/kubelet.output" "$STATE/kubelet.end"
}

container_evidence() {
    container=$(timeout 20 crictl ps -a --state exited --name "^$1\$" -q 2>/dev/null | head -n 1) || :
    [ -n "$container" ] || return 0
    exit_code=$(timeout 20 crictl inspect "$container" 2>/dev/null | sed -n 's/^ *"exitCode": *\([0-9]*\).*/\1/p' | head -n 1)
    timeout 20 crictl logs --tail 60 "$container" >"$STATE/container.output" 2>&1 || :
    # Of a program that panicked the last line is but the end of its stack.
    grep -E '^panic:|"level":"(fatal|panic)"|^Error:|command failed|^F[0-9]' "$STATE/container.output" >"$STATE/container.end" ||
        cp "$STATE/container.output" "$STATE/container.end"
    say "evidence container $1 ${exit_code:-?} $(one_line <"$STATE/container.end")"
    rm -f "$STATE/container.output" "$STATE/container.end"
}

# shellcheck disable=SC2154 # $host and $server are in the lines that come before these
# What answers at the console's name, asked as the API server does: by the issuer's certificate that it was given.
given=/etc/kubernetes/craton/authentication.yaml
trusted=$(sed 's/\\n/\n/g' "$given" 2>/dev/null | sed -n 's/.*-----BEGIN CERTIFICATE-----/-----BEGIN CERTIFICATE-----/; /BEGIN CERT/,/END CERT/p')
ask() {
    if [ -n "$trusted" ]; then
        curl -sS --noproxy '*' --max-time 8 --cacert /dev/stdin "$@" 2>&1 <<END
$trusted
END
    elif grep -q https:// "$given" 2>/dev/null; then
        curl -sS --noproxy '*' --max-time 8 "$@" 2>&1
    else
        curl -sS -k --noproxy '*' --max-time 8 "$@" 2>&1
    fi
}
kube() {
    KUBECACHEDIR=/var/lib/craton/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$server" --request-timeout=8s "$@"
}
ask -v -o /dev/null -w 'status %{http_code}\n' "https://$host/" |
    sed -n 's/^\*  *start date: /begins /p; s/^\*  *expire date: /expires /p; s/^\*  *issuer: /issuer /p; /^status /p; /^curl: /p'
echo '#sign-in'
ask "https://$host/dex/.well-known/openid-configuration"
# last URL: the last page at the console's name to which redirects lead, and where that one leads. Each is asked by itself:
# curl reads the issuer's certificate again for each connection, and it comes on standard input.
last() {
    at=$1 hops=0
    while to=$(ask -o /dev/null -w '%{redirect_url}' "$at") && [ "$hops" -lt 5 ] && [ "${to#"https://$host/"}" != "$to" ]; do
        at=$to hops=$((hops + 1))
    done
    printf '%s %s\n' "$at" "$to"
}
# sign_in PASSWORD: what a browser, `craton login` and kubectl do, one after the other; prints as whom, or what went wrong.
# Passwords, codes and tokens are in no argument and in no output.
sign_in() {
    back=http%3A%2F%2Flocalhost%2Fcallback
    form=$(last "https://$host/dex/auth?connector_id=local&client_id=craton&response_type=code&scope=openid+email&state=probe&redirect_uri=$back")
    form=${form%% *}
    next=$(ask -o /dev/null -w '%{http_code} %{redirect_url}' -d @/dev/fd/3 "$form" 3<<END
login=craton-probe%40craton.invalid&password=$1
END
    )
    place=${next#* }
    [ "${place#"https://$host/"}" = "$place" ] || place=$(last "$place") place=${place#* }
    code=$(printf '%s\n' "$place" | sed -n 's/^http:\/\/localhost\/callback?\(.*&\)\{0,1\}code=\([^&]*\).*/\2/p')
    [ -n "$code" ] || {
        echo "the form answered $(printf '%s\n' "$next" | sed 's/ *http.*//; s/ *$//; q'), and no code came back"
        return
    }
    answer=$(ask -d @/dev/fd/3 "https://$host/dex/token" 3<<END
grant_type=authorization_code&client_id=craton&redirect_uri=$back&code=$code
END
    )
    token=$(printf '%s\n' "$answer" | sed -n 's/.*"id_token" *: *"\([^"]*\)".*/\1/p')
    [ -n "$token" ] || {
        echo "Dex gave no token: $(printf '%s\n' "$answer" | sed -n 's/.*"error" *: *"\([^"]*\)".*/\1/p')"
        return
    }
    review='{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}'
    curl -sS --noproxy '*' --max-time 8 --cacert /etc/kubernetes/pki/ca.crt -H @/dev/fd/3 -H 'Content-Type: application/json' \
        -d "$review" "$server/apis/authentication.k8s.io/v1/selfsubjectreviews" 2>&1 3<<END |
Authorization: Bearer $token
END
        sed -n 's/.*"username" *: *"\([^"]*\)".*/\1/p; s/.*"message" *: *"\([^"]*\)".*/the API server says: \1/p; /^curl: /p'
}
password=$(kube get secret probe --namespace craton-sign-in -o go-template='{{.data.password}}' 2>/dev/null | base64 -d 2>/dev/null)
if [ -n "$password" ]; then
    printf '\n#signed-in\n'
    sign_in "$password"
fi
# condition TYPE KIND NAME ...: its status and reason. Craton leaves the marks on the master that it applied an addon at.
condition() {
    type=$1
    shift
    kube get "$@" -o go-template="{{range .status.conditions}}{{if eq .type \"$type\"}}{{.status}} {{.reason}}{{end}}{{end}}" 2>&1
}
if [ -e /var/lib/craton/addons/gateway ]; then # Traefik says of the Gateway whether it works
    printf '\n#gateway\n'
    condition Programmed gateway traefik --namespace craton-ingress
fi
if [ -e /var/lib/craton/addons/metrics-server ]; then # and the API server of metrics-server whether it answers
    printf '\n#metrics\n'
    condition Available apiservice v1beta1.metrics.k8s.io
fi

# shellcheck disable=SC2154 # $host stands in the line that comes before these
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
ask -v -o /dev/null -w 'status %{http_code}\n' "https://$host/" |
    sed -n 's/^\*  *expire date: /expires /p; /^status /p; /^curl: /p'
echo '#sign-in'
ask "https://$host/dex/.well-known/openid-configuration"
# Traefik says of the Gateway whether it works. Craton leaves this mark on the master that it applied the Gateway at.
if [ -e /var/lib/craton/addons/gateway ]; then
    echo '#gateway'
    template='{{range .status.conditions}}{{if eq .type "Programmed"}}{{.status}} {{.reason}}{{end}}{{end}}'
    KUBECACHEDIR=/var/lib/craton/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=8s \
        get gateway traefik --namespace craton-ingress -o go-template="$template" 2>&1
fi

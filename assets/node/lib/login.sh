# shellcheck shell=sh
# The user's own key among those that may log in, on machines that Craton made. Others' keys are left alone.
#
# Every key that a plan ever had is in LOGIN_KEYS, added before it gets in: so the one that a plan has no more goes.

LOGIN_KEYS=$STATE/login-keys

prepare_login() {
    [ -n "$LOGIN" ] || return 0
    login_user=${LOGIN%% *}
    login_key=${LOGIN#"$login_user"}
    login_key=${login_key# }
    [ -z "$login_key" ] || grep -qxF -- "$login_key" "$LOGIN_KEYS" 2>/dev/null || remember_login
    [ -f "$LOGIN_KEYS" ] || return 0
    login_home=$(getent passwd "$login_user" | cut -d : -f 6)
    [ -n "$login_home" ] || end "$USAGE" "there is no user $login_user on this machine"
    edit login "$login_home/.ssh/authorized_keys"
}

remember_login() {
    printf '%s\n' "$login_key" >>"$LOGIN_KEYS" || failed_write "$LOGIN_KEYS"
    flush "$LOGIN_KEYS"
}

with_login() {
    cat
    [ -z "$login_key" ] || printf '%s\n' "$login_key"
}

# A key is a type and base64, whatever options are before it and whatever words after it.
without_login() {
    awk -v known="$LOGIN_KEYS" 'BEGIN { while ((getline key <known) > 0) keys[key] }
        !/^[ \t]*#/ { for (n = 1; n < NF; n++) if (($n " " $(n + 1)) in keys) next }
        { print }'
}

undo_login() {
    undo_edit login "$1"
}

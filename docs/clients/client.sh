#!/usr/bin/env bash
# Calls the Artos API with curl.
#
#   ARTOS_TOKEN_FILE=token.jwt ./client.sh /api/v1/templates/
#
# ARTOS_TOKEN_FILE  a file with the token, read again for every attempt, so that a rotated token is used at once
# ARTOS_TOKEN       the token itself, if there is no file
# ARTOS_API_URL     the API; https, or http on loopback
# ARTOS_CA_FILE     a CA certificate to trust instead of the system's
#
# Exit status: 0 done; 2 usage; 3 no token was sent; 4 the token is not accepted; 5 not allowed; 1 anything else.
set -euo pipefail

base=${ARTOS_API_URL:-https://api.artosai.com}
path=${1:?usage: client.sh PATH}
case "$base" in
    https://* | http://127.0.0.1:* | http://localhost:*) ;;
    *) echo "ARTOS_API_URL must begin with https://" >&2; exit 2 ;;
esac

read_token() {
    if [ -n "${ARTOS_TOKEN_FILE:-}" ]; then tr -d '\r\n' < "$ARTOS_TOKEN_FILE"; else printf '%s' "${ARTOS_TOKEN:-}"; fi
}

# The token reaches curl through standard input: command lines are visible to other processes.
# Redirects are not followed, so that the token goes only to this host.
get() {
    local token=$1
    { [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"; } |
        curl --config - --silent --show-error --max-time 10 --connect-timeout 5 \
            ${ARTOS_CA_FILE:+--cacert "$ARTOS_CA_FILE"} --dump-header "$work/head" --output "$work/body" \
            --write-out '%{http_code}' "$base$path"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
token=$(read_token)
for attempt in 1 2 3; do
    status=$(get "$token") || status=000
    case "$status" in
        401)
            renewed=$(read_token)
            [ "$renewed" != "$token" ] || break # the same token gets the same answer
            token=$renewed
            ;;
        000 | 429 | 502 | 503 | 504)
            # A GET changes nothing, so it is safe to repeat.
            [ "$attempt" -lt 3 ] || break
            wait=$(tr -d '\r' < "$work/head" 2> /dev/null | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,2\}\)$/\1/p' | tail -n 1)
            sleep "${wait:-$attempt}"
            ;;
        *) break ;;
    esac
done

detail=$(sed -n 's/.*"detail" *: *"\([^"]*\)".*/\1/p' "$work/body" 2> /dev/null || true)
case "$status" in
    2*) cat "$work/body"; echo ;;
    401)
        case "$detail" in
            "Not authenticated") echo "401 $detail: no token was sent; set ARTOS_TOKEN_FILE" >&2; exit 3 ;;
            *) echo "401 $detail: get a new token from your organization's administrator" >&2; exit 4 ;;
        esac
        ;;
    403) echo "403 $detail: the token is good, but not for this; ask your organization's administrator" >&2; exit 5 ;;
    000) echo "no answer" >&2; exit 1 ;;
    *) echo "HTTP $status" >&2; exit 1 ;;
esac

# What the scripts of this folder share. They source it with bash, with `set -euo pipefail`.
cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"

fail() { printf 'FAILED: %s\n' "$1" >&2; exit 1; }

# need COMMAND PACKAGE: a command, from Debian's package of that name if it is not there yet.
need() {
    command -v "$1" > /dev/null && return
    install=(apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$2")
    "${install[@]}" > /dev/null 2>&1 || { apt-get update > /dev/null 2>&1 && "${install[@]}" > /dev/null; } \
        || fail "$1 is missing and Debian's package $2 cannot be installed"
    command -v "$1" > /dev/null || fail "$1 is missing even with Debian's package $2"
}

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ -n "$version" ] || fail "Cargo.toml has no workspace version"
# The time of every file in an archive: that of the commit, so that the same commit gives the same archive.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
packages=target/packages
arch=$(uname -m)

# archive FOLDER FILE: FOLDER as FILE.tar.gz, independent of the machine.
archive() {
    tar --directory "$(dirname "$1")" --create --sort=name --owner=0 --group=0 --numeric-owner \
        --mode=go=rX,u+rw --mtime="@$SOURCE_DATE_EPOCH" "$(basename "$1")" | gzip --no-name --best > "$2"
}

# static_programs: sets `static` to the folder of the static programs of this commit, which are built if there are others or none.
static_programs() {
    static=$packages/static/artos-auth-$version-$arch-linux
    [ "$(cat "$static/COMMIT" 2> /dev/null)" = "$(git rev-parse HEAD)" ] || deploy/packages/static > /dev/null
}

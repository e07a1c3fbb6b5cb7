# shellcheck shell=bash
# Functions that the scripts of this tree share. Sourced, never run.

# shellcheck disable=SC2034  # for those who source this
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

need_root() { [ "$(id -u)" -eq 0 ] || die "must run as root"; }

# Where what is slow to make is kept between runs and clones: chroots, the guest's kernel, lint results.
cache_dir() { printf '%s\n' "${XDG_CACHE_HOME:-/var/cache}/sluice-ci"; }

# The first Debian mirror this machine uses, so that chroots come from the same place.
debian_mirror() {
	local uri
	# shellcheck disable=SC2016  # apt's own variable
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
		2>/dev/null | head -n 1) || true
	printf '%s\n' "${uri%/}"
}

# Prints the directory of a chroot of packages; made on first use, kept by what it is made of.
# chroot_of NAME SUITE VARIANT PACKAGE...
chroot_of() {
	local name=$1 suite=$2 variant=$3 dir key mirror part
	shift 3
	key=$(printf '%s\n' "$suite" "$variant" "$@" | sha256sum | cut -c 1-12)
	dir=$(cache_dir)/$name-$key
	if [ ! -e "$dir/.complete" ]; then
		note "making the $suite chroot for $name in $dir (once)"
		mkdir -p "$(cache_dir)"
		rm -rf --one-file-system "$dir"
		part=$dir.part.$$
		mirror=$(debian_mirror)
		local options=(--mode=root --variant="$variant" --quiet
			--include="$(IFS=,; printf '%s' "$*")"
			--aptopt='Apt::Install-Recommends "false"'
			--dpkgopt='path-exclude=/usr/share/doc/*'
			--dpkgopt='path-exclude=/usr/share/man/*'
			--dpkgopt='path-exclude=/usr/share/locale/*')
		if ! mmdebstrap "${options[@]}" "$suite" "$part" ${mirror:+"$mirror"} >&2 </dev/null; then
			rm -rf --one-file-system "$part"
			return 1
		fi
		touch "$part/.complete"
		mv "$part" "$dir"
	fi
	printf '%s\n' "$dir"
}

# The user sluiced becomes, and the groups that its control socket knows. Prints what it had to make.
make_users() {
	if ! getent group sluice-admin >/dev/null; then
		groupadd --system sluice-admin
		say group sluice-admin
	fi
	if ! getent group sluice >/dev/null; then
		groupadd --system sluice
		say group sluice
	fi
	if ! getent passwd sluice >/dev/null; then
		useradd --system --gid sluice --no-create-home --home-dir /var/lib/sluice \
			--shell /usr/sbin/nologin sluice
		say user sluice
	fi
}

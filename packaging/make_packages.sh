#!/bin/bash
# Debian packages and a tarball of what `cmake --install` installs. `./dev package` builds first.
# usage: packaging/make_packages.sh BUILD_FOLDER OUTPUT_FOLDER
set -euo pipefail
build=$(realpath "$1") root=$(realpath "$(dirname "$0")/..")
mkdir -p "$2"; out=$(realpath "$2")
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
interface=${version%.*}
arch=$(dpkg --print-architecture)
# The same commit makes the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
rm -f "$out"/*.deb "$out"/*.tar.gz

stage() {  # folder, component …: installs below it
  local to=$1 component; shift
  for component in "$@"; do
    cmake --install "$build" --prefix "$to" --component "$component" --strip >/dev/null
  done
}

copyright() {  # ours, and of what is linked in
  printf 'Telpher %s\n\nCopyright: the authors of Telpher. No licence has been named yet.\n' "$version"
  printf '\nThe program and the library contain the following, each under its own terms.\n'
  local part
  for part in libsqlite3-dev libpugixml-dev libcli11-dev; do
    printf '\n==== %s\n\n' "${part%-dev}"; cat "/usr/share/doc/$part/copyright"
  done
  printf '\n==== Boost.JSON\n\nBoost Software License 1.0, https://www.boost.org/LICENSE_1_0.txt\n'
  printf '\n==== libstdc++, libgcc\n\nGPL-3 with the GCC Runtime Library Exception 3.1.\n'
}

depends() {  # file: the packages of the shared libraries it needs
  mkdir -p "$work/debian"
  printf 'Source: telpher\n\nPackage: telpher\nArchitecture: any\n' >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps -O "$1" 2>said || { cat said >&2; exit 1; }) | sed -n 's/^shlibs:Depends=//p'
}

make_deb() {  # package, section, dependencies, description …; its tree stands in $work/PACKAGE
  local name=$1 section=$2 needs=$3 about=$4 tree=$work/$1; shift 4
  local doc=$tree/usr/share/doc/$name
  mkdir -p "$tree/DEBIAN" "$doc"
  copyright >"$doc/copyright"
  rm -f "$doc/CHANGELOG.md"; gzip -9n <"$root/CHANGELOG.md" >"$doc/changelog.gz"
  find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  cat >"$tree/DEBIAN/control" <<EOF
Package: $name
Version: $version
Architecture: $arch
Maintainer: The authors of Telpher <telpher@telpher.invalid>
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f1)
Depends: $needs
Section: $section
Priority: optional
Description: $about
$(printf ' %s\n' "$@")
EOF
  dpkg-deb --root-owner-group --build "$tree" "$out/${name}_${version}_$arch.deb" >/dev/null
}

# --- telpher -------------------------------------------------------------------------------------
tree=$work/telpher
stage "$tree/usr" program
gzip -9n "$tree/usr/share/man/man1/telpher.1"
make_deb telpher net "$(depends "$tree/usr/bin/telpher"), ca-certificates" \
  "from anywhere into object storage, whole and right or not at all" \
  "Copies URLs, files, directories, objects and pipes into S3-compatible stores" \
  "and back, in parallel ranges and within a memory budget. Continues after any" \
  "interruption, proves every object by checksums, and serves S3 itself."

# --- libtelpher0.1, libtelpher-dev ---------------------------------------------------------------
library=libtelpher$interface
tree=$work/$library
stage "$tree/usr" library
chmod 644 "$tree"/usr/lib/libtelpher.so.*.*
mkdir -p "$tree/DEBIAN"
echo "libtelpher $interface $library (>= $version)" >"$tree/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$tree/DEBIAN/triggers"
make_deb "$library" libs "$(depends "$tree"/usr/lib/libtelpher.so.*.*.*), ca-certificates" \
  "copies into and out of object storage (shared library)" \
  "The engine of telpher for other programs."

tree=$work/libtelpher-dev
stage "$tree/usr" development
sed -i 's|^prefix=.*|prefix=/usr|' "$tree/usr/lib/pkgconfig/telpher.pc"
mkdir -p "$tree/usr/share/doc/libtelpher-dev/examples"
cp "$root/examples/copy.cc" "$tree/usr/share/doc/libtelpher-dev/examples/"
cp "$root/docs/library.md" "$tree/usr/share/doc/libtelpher-dev/"
make_deb libtelpher-dev libdevel "$library (= $version)" \
  "copies into and out of object storage (development files)" \
  "The header, the CMake package and the pkg-config file of libtelpher."

# --- the tarball ---------------------------------------------------------------------------------
name=telpher-$version-linux-$(uname -m)
stage "$work/$name" program library development
copyright >"$work/$name/share/doc/telpher/copyright"
tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
  -cf - "$name" | gzip -9n >"$out/$name.tar.gz"

(cd "$out" && ls -l -- *.deb *.tar.gz | awk '{printf "%9d  %s\n", $5, $NF}')

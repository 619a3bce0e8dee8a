#!/bin/sh
# setup.sh <folder> [more sources ...]: fetches what the pom.xml of a client's folder names, and compiles the folder's
# sources with those of this one and of the others named.
# The jars are fetched again only when the pom.xml has changed.
set -eu
cd "$1"
shift
mkdir -p target
if ! cmp -s pom.xml target/pom.fetched; then
    rm -rf target/lib
    mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=target/lib
    cp pom.xml target/pom.fetched
fi
rm -rf target/classes
# shellcheck disable=SC2046
javac -parameters -nowarn -XDsuppressNotes -cp 'target/lib/*' -d target/classes \
    $(find ../_java src "$@" -name '*.java')

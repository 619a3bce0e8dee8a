# setup.sh [more sources ...]: fetches what the folder's pom.xml names, and compiles the folder's sources with those of
# _java and of the other folders named. The jars are fetched again only when the pom.xml has changed.
set -eu
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

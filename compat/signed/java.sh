# Compiles and runs List.java with the jars of the folder.
set -eu
here=$(dirname "$0")
mkdir -p "$here/target/java"
javac -cp 'target/lib/*' -d "$here/target/java" "$here/List.java"
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$here/target/java:target/lib/*" \
    -Dsoftware.amazon.awssdk.http.service.impl=software.amazon.awssdk.http.urlconnection.UrlConnectionSdkHttpService List

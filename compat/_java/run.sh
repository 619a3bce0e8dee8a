# Runs the folder's class Main.
set -eu
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp 'target/classes:target/lib/*' Main

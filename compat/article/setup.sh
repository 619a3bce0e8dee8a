set -eu
for version in 1.44.5 1.35.0 1.28.0 1.24.96; do
    bash ../_python/setup.sh boto3-$version.txt .venv/$version
done

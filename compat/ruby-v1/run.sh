set -eu
exec ruby check.rb

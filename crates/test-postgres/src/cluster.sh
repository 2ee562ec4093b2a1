# Runs a private PostgreSQL until standard input ends, which is when the process that started it is
# gone, however it went. Says its folder once it is ready. Arguments: the folder of the binaries, and
# whether it flushes to disk.
set -eu
bin=$1
fsync=$2
# A server that is measured should not stop for checkpoints; one that is tested should not fill the disk.
if [ "$fsync" = on ]; then wal=4GB; else wal=512MB; fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/tongbao-postgres.XXXXXX")
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
"$bin/initdb" -D "$dir/data" -U tongbao -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1
cat >>"$dir/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$dir'
max_connections = 200
fsync = $fsync
shared_buffers = '256MB'
max_wal_size = '$wal'
END
"$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" start >/dev/null
echo "$dir"
cat >/dev/null
"$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true

#!/bin/sh
# Three MariaDB servers as one Galera cluster, for tests: loopback only, not as root, state transfer by
# rsync. Debian's packages mariadb-server, galera-4 and rsync.
# usage: galera.sh start DIR [PORT] | stop DIR | kill DIR N | join DIR N      user root, no password
# Server N (0, 1, 2) listens on PORT + N; default port 17306.
set -eu
cmd=$1 D=$2
[ "$cmd" = start ] && { mkdir -p "$D"; echo "${3:-17306}" > "$D/port"; }
D=$(cd "$D" && pwd) P=$(cat "$D/port")
LIB=$(find /usr/lib -name libgalera_smm.so | head -n 1)
[ -n "$LIB" ] || { echo "there is no galera library: install galera-4" >&2; exit 1; }

# 4567 and its like, of our own: PORT + 10 + N for the group, + 20 for what a joiner lacks, + 30 for all.
group() { echo "127.0.0.1:$((P + 10 + $1))"; }
members="$(group 0),$(group 1),$(group 2)"

server() {
  n=$1; shift
  # shellcheck disable=SC2086
  setpriv --reuid="$(id -u mysql)" --regid="$(id -g mysql)" --clear-groups \
    mariadbd --no-defaults --datadir="$D/$n" --socket="$D/$n.sock" --pid-file="$D/$n.pid" \
    --port=$((P + n)) --bind-address=127.0.0.1 --log-error="$D/$n.log" \
    --binlog-format=ROW --default-storage-engine=InnoDB --innodb-autoinc-lock-mode=2 \
    --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --innodb-flush-log-at-trx-commit=1 \
    --wsrep-on=ON --wsrep-provider="$LIB" --wsrep-cluster-name="test$P" \
    --wsrep-cluster-address="gcomm://$1" --wsrep-node-name="n$n" --wsrep-node-address=127.0.0.1 \
    --wsrep-sst-method=rsync --wsrep-sst-receive-address="127.0.0.1:$((P + 30 + n))" \
    --wsrep-provider-options="base_port=$((P + 10 + n));gmcast.listen_addr=tcp://$(group "$n");ist.recv_addr=127.0.0.1:$((P + 20 + n));gcache.size=64M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S;evs.join_retrans_period=PT0.5S" \
    > "$D/$n.out" 2>&1 &
}

# Until it takes part.
ready() {
  i=0
  until mariadb --no-defaults -h 127.0.0.1 -P $((P + $1)) -u root --skip-column-names -e \
    "SHOW STATUS LIKE 'wsrep_local_state_comment'" 2> /dev/null | grep -q Synced; do
    i=$((i + 1)); [ "$i" -lt 300 ] || { tail -n 30 "$D/$1.log" >&2; exit 1; }
    sleep 0.2
  done
}

case $cmd in
  start)
    chown mysql "$D"
    for n in 0 1 2; do
      mkdir -p "$D/$n"; chown mysql "$D/$n"
      setpriv --reuid="$(id -u mysql)" --regid="$(id -g mysql)" --clear-groups \
        mariadb-install-db --no-defaults --datadir="$D/$n" --auth-root-authentication-method=normal \
        > "$D/$n.install" 2>&1
    done
    server 0 ""; ready 0
    mariadb --no-defaults -h 127.0.0.1 -P "$P" -u root -e \
      "CREATE USER IF NOT EXISTS root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION"
    for n in 1 2; do server $n "$members"; ready $n; done ;;
  kill) kill -9 "$(cat "$D/$3.pid")" ;;
  join) server "$3" "$members"; ready "$3" ;;
  stop) for n in 0 1 2; do kill -9 "$(cat "$D/$n.pid")" 2> /dev/null || true; done ;;
esac

#!/bin/sh
# A real S3 server for tests, on loopback: Ceph's RADOS gateway over one monitor and one OSD in memory.
#
#   apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common curl
#   tests/support/s3_server.sh start FOLDER PORT     # PORT, and the two after it
#   TEST_S3_ENDPOINT=http://127.0.0.1:PORT deno test …
#   tests/support/s3_server.sh stop FOLDER
#
# Its keys are AKtest and SKtest. It starts in some two seconds and takes 130 MB.
set -eu
usage() { echo "usage: $0 start FOLDER PORT | stop FOLDER" >&2; exit 64; }
[ $# -ge 2 ] || usage
command=$1 folder=$2

if [ "$command" = stop ]; then
  for name in client.rgw.x osd.0 mon.a; do
    [ ! -f "$folder/$name.pid" ] || kill -9 "$(cat "$folder/$name.pid")" 2> /dev/null || true
  done
  exit 0
fi
[ "$command" = start ] && [ $# -eq 3 ] || usage
port=$3

mkdir -p "$folder/mon" "$folder/osd" "$folder/rgw"
cd "$folder"
folder=$(pwd)
cluster=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
cat > ceph.conf << CONF
[global]
fsid = $cluster
mon host = v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = $folder/keyring
mon data = $folder/mon
osd data = $folder/osd
run dir = $folder
crash dir = $folder
log file = $folder/\$name.log
pid file = $folder/\$name.pid
admin socket = $folder/\$name.asok
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
[mon]
# Without these two the first start takes twelve seconds instead of one.
paxos propose interval = 0.02
paxos min wait = 0.01
[client.rgw.x]
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw crypt require ssl = false
CONF

key() { name=$1; shift; ceph-authtool keyring -g -n "$name" "$@" > /dev/null; }
: > keyring
key mon. --cap mon 'allow *'
key client.admin --cap mon 'allow *' --cap osd 'allow *'
key client.rgw.x --cap mon 'allow *' --cap osd 'allow *'
key osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
monmaptool --create --clobber --fsid "$cluster" \
  --addv a "[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]" monmap > /dev/null
ceph-mon -c ceph.conf --mkfs -i a --monmap monmap --keyring keyring > setup.log 2>&1
ceph-mon -c ceph.conf -i a >> setup.log 2>&1
ceph -c ceph.conf osd new "$osd" 0 >> setup.log 2>&1
ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid "$osd" >> setup.log 2>&1
ceph-osd -c ceph.conf -i 0 >> setup.log 2>&1
radosgw -c ceph.conf -n client.rgw.x -f > rgw.log 2>&1 &
echo $! > client.rgw.x.pid

tries=0
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { tail setup.log rgw.log >&2; exit 1; }
  sleep 0.1
done
radosgw-admin -c ceph.conf user create --uid=test --display-name=test \
  --access-key=AKtest --secret=SKtest > user.json 2>> setup.log

#!/bin/sh
# Starts dockerd where only those who share /run/engine and are of group 10001 (the user of the service's image) can talk to it. It listens on no network.
set -eu
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  # cgroup v2: a group that has processes has no controllers to give, so everything moves into a child first.
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 < /sys/fs/cgroup/cgroup.procs > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || :
  sed -e 's/ / +/g' -e 's/^/+/' < /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
mkdir -p /run/engine
rm -f /var/run/docker.pid /run/engine/docker.sock
# Sandboxes have no network, and images are built in the host's: no bridge is needed.
exec dockerd --host=unix:///run/engine/docker.sock --group=10001 --bridge=none --iptables=false

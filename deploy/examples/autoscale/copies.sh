#!/bin/sh
# Sees to it that ROLLCALL_DESIRED copies of the worker run, and no more: copies.sh processes|systemd
# It looks at what is there, not at what was there before, so that it may be run at any time and as often as one likes.
# A copy that goes is told to by SIGTERM: it drains, deregisters, and ends. This script waits for that.
set -eu

desired=${ROLLCALL_DESIRED:?is set by rollcall autoscaler}
here=$(cd "$(dirname "$0")" && pwd)
state=${WORKER_STATE:-${XDG_RUNTIME_DIR:-/tmp}/rollcall-workers}
brought=$here/../../../node_modules/.bin/node # of npm ci: Node 24
[ -x "$brought" ] || brought=node
node=${NODE:-$brought}

case $desired in '' | *[!0-9]*) echo "ROLLCALL_DESIRED must be a number, got $desired" >&2; exit 2 ;; esac

# A process of that number may be another one by now.
runs () {
  pid=$(cat "$state/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "autoscale/worker.ts"
}

processes () {
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock 9 # an earlier run may still be at it, if the agent was killed
  number=1
  while [ "$number" -le "$desired" ]; do
    if ! runs "$number"; then
      # A session of its own, and no pipe to the agent: a copy outlives the run that started it.
      WORKER=$number setsid "$node" --conditions=rollcall-source "$here/worker.ts" >>"$state/$number.log" 2>&1 </dev/null 9>&- &
      echo $! >"$state/$number.pid"
      echo "started copy $number"
    fi
    number=$((number + 1))
  done
  going=
  for file in "$state"/*.pid; do
    number=$(basename "$file" .pid)
    case $number in *[!0-9]*) continue ;; esac # there is no such file
    [ "$number" -gt "$desired" ] || continue
    if runs "$number"; then
      kill -TERM "$pid"
      going="$going $number"
    else
      rm -f "$file"
    fi
  done
  for number in $going; do
    while runs "$number"; do sleep 0.2; done
    rm -f "$state/$number.pid"
    echo "stopped copy $number"
  done
}

# worker@.service: `systemctl stop` waits until the copy has ended.
systemd () {
  number=1
  while [ "$number" -le "$desired" ]; do
    systemctl start "worker@$number.service"
    number=$((number + 1))
  done
  for number in $(systemctl list-units --plain --no-legend --state=active,activating 'worker@*.service' | sed -n 's/^worker@\([0-9]*\)\.service .*/\1/p'); do
    if [ "$number" -gt "$desired" ]; then systemctl stop "worker@$number.service"; fi
  done
}

case ${1:-} in
  processes | systemd) "$1" ;;
  *) echo "usage: copies.sh processes|systemd" >&2; exit 2 ;;
esac

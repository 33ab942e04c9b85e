#!/bin/sh
# The main process of a container must wait for every process whose parent has died, or the table of processes fills
# with zombies. Node waits for its own children only; a shell waits for all that the kernel gives it. So PID 1 is this
# script: it passes signals on, and ends with the exit code of lbm. Anywhere else it makes way for Node at once.

folder=$(dirname "$(readlink -f "$0")")
if [ "$$" -ne 1 ]; then
  exec node "$folder/lbm-runtime.js" "$@"
fi

# A shell gives what it runs beside itself /dev/null to read.
exec 3<&0
node "$folder/lbm-runtime.js" "$@" <&3 3<&- &
child=$!
exec 3<&-

for signal in HUP INT QUIT TERM USR1 USR2; do
  # shellcheck disable=SC2064 # the signal and the pid of now
  trap "kill -$signal $child 2>/dev/null" "$signal"
done

# A signal ends `wait` before the child has ended.
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
# It may have ended in the moment of the signal: then the code was the signal's, and this is the child's.
wait "$child" 2>/dev/null
last=$?
[ "$last" -eq 127 ] || code=$last
exit "$code"

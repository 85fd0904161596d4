#!/bin/sh
# Any command as a job: qntx run --name backup -- examples/backup.sh
# What it prints switches the stage and the task.
echo "::stage:: pack"
echo "::task:: photos"
echo "1,204 files"
echo "::stage:: send"
echo "no space left on the other side" >&2
exit 3

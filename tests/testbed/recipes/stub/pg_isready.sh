#!/bin/sh
# The database's health check; `touch /tmp/unready` makes it fail.
if [ -e /tmp/unready ]; then
  echo "/tmp:5432 - no response"
  exit 2
fi
echo "/tmp:5432 - accepting connections"

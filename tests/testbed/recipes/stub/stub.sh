#!/bin/sh
# Plays one of the stack's services: ends at once on SIGTERM, as the real ones nearly do.
trap 'exit 0' TERM INT QUIT
case "${1:-idle}" in
  server) httpd -p 8283 -h /www ;;
  proxy) httpd -p 80 -h /www ;;
esac
echo "stub ${1:-idle} started"
while :; do
  sleep 86400 &
  wait $!
done

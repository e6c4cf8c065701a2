"""A small reverse proxy in nginx's place: routes by Host, logs as nginx does, by an nginx.conf of our own."""

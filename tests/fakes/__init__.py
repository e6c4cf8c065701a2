"""Stand-ins for what reality does not do on demand; they speak the real protocols over real sockets."""

"""The dashboard's screens, one module each; installed as `lettaops.screens`."""

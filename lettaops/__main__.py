"""Entry of the console script: answers `--version` before anything is imported."""

import sys


def main() -> None:
    """Run lettaops; the exit status is part of its contract (`model.errors.Exit`)."""
    if sys.argv[1:] == ["--version"]:
        from lettaops import __version__

        sys.stdout.write(f"lettaops {__version__}\n")
        return
    from lettaops.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""Entry of the console script: what must be quick comes before what is slow to import."""

import sys


def main() -> None:
    """Run lettaops; the exit status is part of its contract (`model.errors.Exit`)."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from lettaops import __version__

        sys.stdout.write(f"lettaops {__version__}\n")
        return
    held = None
    if not arguments or arguments[0].startswith("--"):
        from lettaops.cli.quick import begin

        held = begin(arguments)
    from lettaops.cli.main import run

    sys.exit(run(arguments, held))


if __name__ == "__main__":
    main()

"""Becomes the program of a container or an exec. Run as a script, by its path, and imports little: it costs.

    launch.py SUPERVISOR_PID REPORT DEATH_SIGNAL TTY UID:GID PROGRAM ARGUMENT...

REPORT is a descriptor that closes when the program runs; what is written to it before says why it can't.
Without UID:GID (a dash) the program keeps the user. The user is changed here and not before: another one
may not be able to reach this interpreter, as when it is in root's home. The kernel sends the program
DEATH_SIGNAL when the supervisor dies; it has to be asked for after the user was changed.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Never returns."""
    supervisor, report, death_signal, tty, user, program, *words = sys.argv[1:]
    os.set_inheritable(int(report), False)
    try:
        if tty == "1":
            # A session's first terminal that is opened becomes its controlling terminal.
            os.close(os.open(os.ttyname(0), os.O_RDWR))
        if user != "-":
            _become(user, own_terminal=tty == "1")
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != int(supervisor):
            os._exit(137)  # it died before the kernel knew
        os.execv(program, words)  # noqa: S606 -- becoming the program is the purpose
    except OSError as error:
        os.write(int(report), f'exec: "{words[0]}": {error.strerror}'.encode())
        os._exit(126)


def _become(user: str, *, own_terminal: bool) -> None:
    uid, gid = map(int, user.split(":"))
    if own_terminal:
        os.fchown(0, uid, -1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


if __name__ == "__main__":
    main()

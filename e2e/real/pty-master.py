# Holds the master of a pty in which a program runs: what is written into the FIFO `keys` is typed, what the program shows
# is added to the file `screen`.
# usage: pty-master.py ROWSxCOLUMNS PROGRAM [ARGUMENT…]
import fcntl
import os
import pty
import select
import struct
import sys
import termios

pid, master = pty.fork()
if pid == 0:
    rows, columns = map(int, sys.argv[1].split("x"))
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
os.mkfifo("keys")
keys = os.open("keys", os.O_RDWR)
screen = os.open("screen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
print("ready", flush=True)
while True:
    readable, _, _ = select.select([keys, master], [], [])
    if keys in readable:
        os.write(master, os.read(keys, 4096))
    if master in readable:
        try:
            os.write(screen, os.read(master, 4096))
        except OSError:
            break  # EIO: nobody has the slave open any more
os.waitpid(pid, 0)
print("end", flush=True)

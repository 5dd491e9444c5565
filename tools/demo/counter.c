// Counts, five numbers a second, into the file it is given.
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd < 0) return 1;
  for (int n = 1;; n++) {
    dprintf(fd, "%d ", n);
    nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
  }
}

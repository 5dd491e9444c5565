// Sockets of tests: ports and abstract names that nobody else can have.
import { AF, CLONE, SOCK, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, sys } from '@criu-ts/kernel/sys';

/** linux/sockios.h, net/if.h */
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
const IFREQ_SIZE = 40;
const IFR_FLAGS = 16;

/** Takes us, and whom we start from now on, into a network namespace with nothing but its loopback device. */
export function enterOwnNetwork(): void {
  sys(SYS.unshare, CLONE.NEWNET);
  using socket = new OwnedFd(sys(SYS.socket, AF.INET, SOCK.DGRAM, 0));
  const request = new Memory(IFREQ_SIZE);
  request.putString('lo');
  request.view.setInt16(IFR_FLAGS, IFF_UP, true);
  sys(SYS.ioctl, socket.number, SIOCSIFFLAGS, request.address);
}

// timerfd_create(2); all of it from fdinfo (fs/timerfd.c timerfd_show)
import { fd_types, type timerfd_entry } from '@criu-ts/images';
import { SYS, TFD, TFD_IOC } from '@criu-ts/kernel/abi';
import { readFdInfo, type TimerfdInfo } from '@criu-ts/kernel/procfs';
import { Memory, OwnedFd, sys } from '@criu-ts/kernel/sys';
import type { FileKind, InspectedFile } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { setFlags } from '../../files/status-flags.js';

const NSEC = 1_000_000_000n;
const clock = new Memory(32);
/** CLOCK_REALTIME_ALARM and CLOCK_BOOTTIME_ALARM can't be read where there is no such device: the clocks they follow can. */
const ALARM_CLOCKS: Readonly<Record<number, number>> = { 8: 0, 9: 7 };

export const timerfd: FileKind<timerfd_entry> = {
  name: 'timerfd',
  type: fd_types.TIMERFD,
  recognises: ({ link, info }) => link === 'anon_inode:[timerfd]' && info?.timerfd !== undefined,

  judge(file, { id }) {
    const { flags, fown } = file;
    const { clockId: clockid, ticks, settimeFlags, value, interval } = readTimer(file);
    return { id, flags, fown, clockid, ticks, settimeFlags, vsec: value[0], vnsec: value[1], isec: interval[0], insec: interval[1] };
  },

  capture: (_, __, tfd) => ({ tfd }),

  reopen(entry) {
    const { clockid, flags, fown } = part(entry, 'tfd');
    const fd = new OwnedFd(sys(SYS.timerfd_create, clockid, TFD.CLOEXEC));
    setFlags(fd, flags);
    setSignal(fd, fown);
    return fd;
  },

  fown: ({ tfd }) => tfd?.fown,

  // Late, so that little of the remaining time is lost.
  connect(entry, { fd, batch }) {
    const timer = part(entry, 'tfd');
    const setting = batch.doing('arm a timerfd').struct(32);
    const [sec, nsec] = dueTime(timer);
    [timer.isec, timer.insec, sec, nsec].forEach((value, i) => setting.view.setBigInt64(8 * i, value, true));
    batch.expect(0, SYS.timerfd_settime, fd, timer.settimeFlags, setting.address, 0);
    if (timer.ticks === 0n) return;
    const ticks = batch.struct(8);
    ticks.view.setBigUint64(0, timer.ticks, true);
    batch.expect(0, SYS.ioctl, fd, TFD_IOC.SET_TICKS, ticks.address);
  },
};

/** As often as a timer may go off just between asking for its time and reading what fdinfo says. */
const TRIES = 20;

/**
 * A periodic timer that has gone off, and that nobody has read since, stands still: fdinfo shows no time left. Asking for
 * the time makes it run again, with the missed ticks counted (fs/timerfd.c do_timerfd_gettime). No time left and no ticks
 * is a timer that is disarmed, or one that is just about to go off: it has when it is looked at again.
 */
function readTimer(file: InspectedFile): TimerfdInfo {
  using fd = file.open();
  for (let tries = 1; ; tries++) {
    sys(SYS.timerfd_gettime, fd.number, clock.address);
    const { timerfd } = readFdInfo('self', fd.number);
    if (timerfd === undefined) throw new TypeError('no timer in fdinfo');
    const { ticks, value, interval } = timerfd;
    if (!isZero(value) || (ticks > 0n ? isZero(interval) : tries > 1)) return timerfd;
    // Faster than we can look: it goes off at once.
    if (tries === TRIES) return { ...timerfd, value: [0n, 1n] };
  }
}

const isZero = ([sec, nsec]: readonly [bigint, bigint]): boolean => sec === 0n && nsec === 0n;

/** The kernel shows the time left, whatever the timer was set with; an absolute one is due so much after now. */
function dueTime({ settimeFlags, clockid, vsec, vnsec }: timerfd_entry): [sec: bigint, nsec: bigint] {
  if ((settimeFlags & TFD.TIMER_ABSTIME) === 0 || isZero([vsec, vnsec])) return [vsec, vnsec];
  sys(SYS.clock_gettime, ALARM_CLOCKS[clockid] ?? clockid, clock.address);
  const due = clock.view.getBigInt64(0, true) * NSEC + clock.view.getBigInt64(8, true) + vsec * NSEC + vnsec;
  return [due / NSEC, due % NSEC];
}

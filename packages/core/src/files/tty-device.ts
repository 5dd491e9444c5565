// Which terminal a device number stands for (Documentation/admin-guide/devices.txt), and its number in the images.
import { TtyType } from '@criu-ts/images';
import { major, minor, S, TTY } from '@criu-ts/kernel/abi';
import { Unsupported } from '../errors.js';
import type { DumpOptions } from '../options.js';
import type { InspectedFile } from '../resources/file-kind.js';
import { fileType } from './paths.js';
import { readNumber } from './tty-calls.js';

export interface TtyDevice {
  readonly name: 'ptmx' | 'pts' | 'console' | 'tty' | 'vt' | 'serial' | 'external';
  readonly type: TtyType;
}

const PTMX: TtyDevice = { name: 'ptmx', type: TtyType.PTY };
const PTS: TtyDevice = { name: 'pts', type: TtyType.PTY };
const EXTERNAL: TtyDevice = { name: 'external', type: TtyType.EXT_TTY };

interface Range {
  readonly major: readonly [from: number, to: number];
  readonly minor?: readonly [from: number, to: number];
  readonly device: TtyDevice | undefined;
}

/** undefined: a terminal, but none that can be brought back. */
const DEVICES: readonly Range[] = [
  { major: [5, 5], minor: [2, 2], device: PTMX },
  { major: [128, 135], device: PTMX },
  { major: [136, 143], device: PTS },
  { major: [5, 5], minor: [0, 0], device: { name: 'tty', type: TtyType.CTTY } },
  { major: [5, 5], minor: [1, 1], device: { name: 'console', type: TtyType.CONSOLE } },
  { major: [4, 4], minor: [1, 63], device: { name: 'vt', type: TtyType.VT } },
  // USB serial lines, and those that share a major number.
  { major: [188, 188], device: { name: 'serial', type: TtyType.SERIAL } },
  { major: [204, 204], device: { name: 'serial', type: TtyType.SERIAL } },
  { major: [4, 5], device: undefined },
];

const within = ([from, to]: readonly [number, number], value: number): boolean => value >= from && value <= to;

function rangeOf(rdev: bigint): Range | undefined {
  return DEVICES.find((range) => within(range.major, major(rdev)) && (range.minor === undefined || within(range.minor, minor(rdev))));
}

export const isTty = ({ stat }: InspectedFile): boolean => fileType(stat.mode) === S.IFCHR && rangeOf(stat.rdev) !== undefined;

/** As `--external` and `--inherit-fd` call a terminal: `tty[8800005:18]`. */
export const externalName = (rdev: bigint | number, dev: bigint | number): string => `tty[${rdev.toString(16)}:${dev.toString(16)}]`;

/** @throws Unsupported for terminals that can't be brought back */
export function deviceOf({ stat, link }: InspectedFile, options: DumpOptions): TtyDevice {
  const name = externalName(stat.rdev, stat.dev);
  if (options.external?.includes(name) === true) return EXTERNAL;
  const device = rangeOf(stat.rdev)?.device;
  if (device !== undefined) return device;
  throw new Unsupported('file', `the terminal ${link} (${major(stat.rdev)}:${minor(stat.rdev)}) is not supported`, {
    why: 'what its line and its driver keep can not be read back',
    hint: `leave it to the outside: --external '${name}' here, --inherit-fd 'fd[N]:${name}' at the restore`,
  });
}

/** The number N of /dev/pts/N; both ends have it. */
export function ptyIndex(file: InspectedFile, { name }: TtyDevice): number | undefined {
  if (name === 'pts') return minor(file.stat.rdev);
  if (name !== 'ptmx') return undefined;
  if (file.info?.ttyIndex !== undefined) return file.info.ttyIndex;
  using fd = file.open();
  return readNumber(fd, TTY.IOCGPTN);
}

/** Where a terminal of which there is one number only has its place among those of ptys, which are twice the index, plus one for the master. */
const PLACES: Readonly<Record<TtyDevice['name'], number>> = { ptmx: 0, pts: 0, console: 2004, vt: 2008, tty: 2012, serial: 2020, external: 2026 };
/** CRIU gives up at this one. */
const HIGHEST_INDEX = 1000;
const BEYOND = 0x1_0000;

/** @param nth of its kind, from 0: such a number may not be used twice */
export function infoId({ name }: TtyDevice, index: number | undefined, nth: number): number {
  if (index === undefined) return name === 'external' ? PLACES.external + 2 * nth : nth === 0 ? PLACES[name] : BEYOND - nth;
  const place = 2 * index + (name === 'ptmx' ? 1 : 0);
  return index > HIGHEST_INDEX ? BEYOND + place : place;
}

// All terminals of the tree, looked at together: the two ends of a pty are files of their own.
import type { TtyType } from '@criu-ts/images';
import { O, TTY } from '@criu-ts/kernel/abi';
import type { FileDumpContext, InspectedFile } from '../resources/file-kind.js';
import { deviceOf, isTty, ptyIndex, type TtyDevice } from './tty-device.js';
import { readNumber, readTermios } from './tty-calls.js';

export interface SurveyedTty {
  readonly file: InspectedFile;
  readonly device: TtyDevice;
  readonly type: TtyType;
  /** N of /dev/pts/N; undefined for terminals that are no ptys. */
  readonly index: number | undefined;
  /** The terminal behind it as /proc/PID/stat's tty_nr has it: of /dev/tty, /dev/ptmx and /dev/console too. 0: hung up. */
  readonly terminal: number;
}

export const isHungUp = ({ terminal }: SurveyedTty): boolean => terminal === 0;

/** A terminal, open for more than its name. */
export const isOpenTty = (file: InspectedFile): boolean => (file.flags & O.PATH) === 0 && isTty(file);

/** @throws Unsupported for a terminal that can't be brought back */
export function survey(file: InspectedFile, at: FileDumpContext): SurveyedTty {
  return at.shared(`tty:${file.procPath}`, () => {
    const device = deviceOf(file, at.options);
    using fd = file.open();
    const terminal = readTermios(fd) === undefined ? 0 : readNumber(fd, TTY.IOCGDEV) >>> 0;
    return { file, device, type: device.type, index: ptyIndex(file, device), terminal };
  });
}

/** Those that are refused are not among them: that is told when it is their turn. */
export function surveyAll(at: FileDumpContext): readonly SurveyedTty[] {
  return at.shared('ttys', () =>
    at.allFiles().flatMap(({ file }) => {
      if (!isOpenTty(file)) return [];
      try {
        return [survey(file, at)];
      } catch {
        return [];
      }
    }),
  );
}

export function masterOf({ index }: SurveyedTty, at: FileDumpContext): SurveyedTty | undefined {
  return surveyAll(at).find(({ device, index: other }) => device.name === 'ptmx' && other === index);
}

/** Open files of a pty's slave. */
export function slavesOf({ index }: SurveyedTty, at: FileDumpContext): readonly SurveyedTty[] {
  return surveyAll(at).filter(({ device, index: other }) => device.name === 'pts' && other === index);
}

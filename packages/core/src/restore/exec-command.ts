import { SIG, SYS } from '@criu-ts/kernel/abi';
import { Memory, pathBytes, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';

const ENOENT = 2;
const NOT_HERE: readonly number[] = [ENOENT, 13, 20];
const SIGNAL_ACTION = 32;

/**
 * Replaces this program by another, as execvp(3) does: children, restored ones too, become its.
 * @throws SyscallFailed where it can't be executed
 */
export function execCommand(argv: readonly string[], environment: NodeJS.ProcessEnv): never {
  const [name = ''] = argv;
  const env = Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  const { argvAt, envAt } = vectors(argv, env);
  const places = name.includes('/') ? [name] : (environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':').map((dir) => `${dir === '' ? '.' : dir}/${name}`);
  // Node ignores it, and what is ignored stays so.
  const action = new Memory(SIGNAL_ACTION);
  rawSyscall(SYS.rt_sigaction, SIG.PIPE, action.address, 0, 8);
  let errno = ENOENT;
  for (const place of places) {
    const path = new Memory(pathBytes(place).length + 1);
    const result = -rawSyscall(SYS.execve, path.putString(place), argvAt, envAt);
    if (!NOT_HERE.includes(result)) throw new SyscallFailed(`execve(${JSON.stringify(place)})`, result);
    if (result !== ENOENT) errno = result;
  }
  throw new SyscallFailed(`execve(${JSON.stringify(name)})`, errno);
}

/** Kept until the call: memory that nobody refers to is given back. */
const kept: Memory[] = [];

function vectors(argv: readonly string[], env: readonly string[]): { readonly argvAt: number; readonly envAt: number } {
  const texts = [...argv, ...env];
  const words = new Memory(8 * (texts.length + 2));
  const strings = new Memory(texts.reduce((sum, text) => sum + pathBytes(text).length + 1, 0));
  kept.push(words, strings);
  let offset = 0;
  texts.forEach((text, i) => {
    const slot = i < argv.length ? i : i + 1;
    words.view.setBigUint64(8 * slot, BigInt(strings.putString(text, offset)), true);
    offset += pathBytes(text).length + 1;
  });
  return { argvAt: words.address, envAt: words.address + 8 * (argv.length + 1) };
}

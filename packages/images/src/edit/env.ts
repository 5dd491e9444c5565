import { ImageCorrupt } from '../errors.js';
import { MemoryUnavailable } from '../memory/process-memory.js';
import type { ProcessView } from '../views/process.js';
import type { EnvEdit } from './edits.js';
import { spaceOf } from './page-changes.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';
import type { Asked, Transformation, Work } from './transformation.js';

/** As for reading it: the kernel bounds it by a quarter of the stack's limit. */
const LARGEST = 8 * 1024 * 1024;

interface Environment {
  readonly start: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Values of environment variables. Each string stays where it is, because `environ`, and whatever getenv(3) gave to the
 * program, point at it: a new value has the room of the old one, and of the NULs behind it. What the program copied or
 * computed from the old value is not changed.
 */
export function envTransformation(asked: Asked<'env'>): Transformation {
  for (const { edit, outcome } of asked) {
    if (edit.name === '' || /[=\0]/.test(edit.name) || edit.value.includes('\0')) throw new EditRefused('edit-refused', `${edit.name}=${edit.value}`, 'a name is not empty and holds no =, and nothing of an environment holds a NUL');
    if (asked.some((other) => other.outcome !== outcome && other.edit.name === edit.name && (other.edit.pid ?? edit.pid) === (edit.pid ?? other.edit.pid))) throw new EditRefused('edit-conflict', edit.name, 'two edits change it');
  }
  return {
    async prepare(work) {
      const { checkpoint } = work;
      for (const { edit } of asked) if (edit.pid !== undefined) mustLive(await checkpoint.processes(), edit.pid);
      for (const process of await checkpoint.processes()) {
        const own = asked.filter(({ edit }) => edit.pid === undefined || edit.pid === process.pid);
        if (process.isZombie || own.length === 0) continue;
        const environment = await readEnvironment(process, own.some(({ edit }) => edit.pid !== undefined), work);
        if (environment !== undefined) for (const { edit, outcome } of own) await change(process, environment, edit, outcome, work);
      }
    },
  };
}

function mustLive(processes: readonly ProcessView[], pid: number): void {
  const process = processes.find((one) => one.pid === pid);
  if (process === undefined || process.isZombie) throw new EditRefused('edit-unmatched', `process ${pid}`, process === undefined ? 'there is no such process' : 'it has ended, and has no environment any more', `the processes are ${processes.map((one) => one.pid).join(', ')}`);
}

/** undefined where it is in no image, and nobody asked for just this process. */
async function readEnvironment(process: ProcessView, named: boolean, { findings }: Work): Promise<Environment | undefined> {
  const { mmEnvStart: start, mmEnvEnd: end } = (await process.mm())!;
  const length = end - start;
  if (length < 0n || length > BigInt(LARGEST)) throw new ImageCorrupt({ file: `mm-${process.pid}.img`, why: `the environment is at 0x${start.toString(16)}-0x${end.toString(16)}` });
  try {
    return { start, bytes: await (await process.memory()).read(start, Number(length)) };
  } catch (error) {
    if (!(error instanceof MemoryUnavailable)) throw error;
    if (named) throw new EditRefused('edit-refused', `environment of process ${process.pid}`, error.message);
    findings.unseen({ object: `environment: ${error.message}`, pid: process.pid, length: Number(length) });
    return undefined;
  }
}

async function change(process: ProcessView, { start, bytes }: Environment, edit: EnvEdit, outcome: Outcome, work: Work): Promise<void> {
  const memory = await process.memory();
  const name = new TextEncoder().encode(`${edit.name}=`);
  const text = new TextEncoder().encode(`${edit.name}=${edit.value}`);
  for (let at = 0; at < bytes.length; ) {
    const nul = bytes.indexOf(0, at);
    const stringEnd = nul < 0 ? bytes.length : nul;
    if (name.every((byte, i) => at + i < stringEnd && bytes[at + i] === byte)) {
      const room = roomFor(bytes, at, stringEnd, start, memory.pageSize);
      if (text.length > room) {
        const has = room - name.length;
        throw new EditRefused('edit-refused', `${edit.name} of process ${process.pid}`, `there is room for a value of ${has} bytes, the new one has ${text.length - name.length}`, 'strings can’t be moved: the program points at them. Give the variable a longer value when the program starts');
      }
      // All of the old string, so that nothing of it stays behind a shorter one.
      const written = new Uint8Array(Math.max(text.length, stringEnd - at));
      written.set(text);
      await writeMemory(process, start + BigInt(at), written, work);
      outcome.changed({ object: `${edit.name} in the environment`, pid: process.pid, address: (start + BigInt(at)).toString(16), length: written.length });
    }
    at = stringEnd + 1;
  }
}

/** Bytes that a string may have, its own NUL not counted: its own, and NULs behind it but one, on its last page. */
function roomFor(bytes: Uint8Array, at: number, stringEnd: number, start: bigint, pageSize: number): number {
  const size = BigInt(pageSize);
  const pageEnd = Number(((start + BigInt(stringEnd) - 1n) / size + 1n) * size - start);
  let end = stringEnd;
  while (end < Math.min(bytes.length, pageEnd) && bytes[end] === 0) end++;
  return Math.max(stringEnd, end - 1) - at;
}

/** Leaves a patch for each mapping that has a part of these bytes. */
async function writeMemory(process: ProcessView, address: bigint, bytes: Uint8Array, { pages }: Work): Promise<void> {
  const memory = await process.memory();
  for await (const piece of memory.pieces(address, address + BigInt(bytes.length))) {
    const { space, shift } = spaceOf(process.pid, piece.region!);
    const from = Number(piece.address - address);
    pages.patches(space).write(piece.address - shift, bytes.slice(from, from + piece.length));
  }
}

import { MAP, PROT, PTRACE, SIG, SYS, WAIT } from '@criu-ts/kernel/abi';
import { kill, Memory, memfd, pwriteFully, spawn, SyscallFailed, wait4 } from '@criu-ts/kernel/sys';
import { batchCode, BLOB } from './blob.js';
import { seedBase64 } from './gen/native.js';
import { Puppet, PUPPET_OPTIONS } from './puppet.js';
import { spawnSibling } from './spawn-sibling.js';
import type { SyscallObserver } from './remote-syscalls.js';
import { Tracee } from './tracee.js';

const seedProgram = Buffer.from(seedBase64, 'base64');
/** Where the seed's first `syscall` instruction lies once it runs: the entry, and some bytes on. */
const E_ENTRY = 24;
const seedEntry = Number(seedProgram.readBigUint64LE(E_ENTRY));
const P_OFFSET = 64 + 8;
const P_VADDR = 64 + 16;
const segmentOffset = Number(seedProgram.readBigUint64LE(P_OFFSET));
const segmentAddress = Number(seedProgram.readBigUint64LE(P_VADDR));
const seedSyscall = segmentAddress + (seedProgram.indexOf(Buffer.from('0f05', 'hex'), seedEntry - segmentAddress + segmentOffset) - segmentOffset);

/**
 * Starts native/seed as our child and makes it the first puppet.
 * @param blob where to map the blob: a page address, free in the seed and in all that it will become
 * @param siblingPid not our child, but our sibling of this PID
 * @throws SyscallFailed EEXIST, EINVAL of a sibling whose PID can't be had
 */
export function plantSeed(blob: number, observe?: SyscallObserver, siblingPid?: number): Puppet {
  const pid = spawnSeed(siblingPid);
  try {
    const tracee = Tracee.seize(pid, pid, PUPPET_OPTIONS);
    tracee.interrupt();
    const stop = tracee.wait();
    if (stop.kind !== 'trap') tracee.unexpected(stop, "the seed's first stop");
    mapBlob(tracee, blob);
    const puppet = new Puppet(tracee, blob, observe);
    puppet.blockSignals();
    return puppet;
  } catch (error) {
    kill(pid, SIG.KILL);
    wait4(pid, WAIT.ALL);
    throw error;
  }
}

/**
 * A child of ours that only waits; whoever starts it ends it, and waits for it.
 * @param siblingPid not our child, but our sibling of this PID
 */
export function spawnSeed(siblingPid?: number): number {
  using file = memfd('criu-ts-seed', 0);
  const bytes = new Memory(seedProgram.length);
  bytes.bytes.set(seedProgram);
  pwriteFully(file, bytes.address, bytes.size, 0);
  const program = `/proc/self/fd/${file.number}`;
  if (siblingPid === undefined) return spawn(program, ['criu-ts-seed'], []);
  spawnSibling(program, 'criu-ts-seed', siblingPid);
  return siblingPid;
}

/** The one call that is made before the blob is there. */
function mapBlob(tracee: Tracee, blob: number): void {
  const registers = tracee.getRegisters();
  registers.set('rip', seedSyscall);
  registers.set('rax', SYS.mmap);
  registers.set('origRax', -1n);
  registers.set('rdi', blob);
  registers.set('rsi', BLOB.size);
  registers.set('rdx', PROT.READ | PROT.WRITE | PROT.EXEC);
  registers.set('r10', MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE);
  registers.set('r8', -1);
  registers.set('r9', 0);
  tracee.setRegisters(registers);
  for (const wanted of ['entry', 'exit']) {
    tracee.resume(PTRACE.SYSCALL);
    const stop = tracee.wait();
    if (stop.kind !== 'syscall') tracee.unexpected(stop, `the ${wanted} of mmap`);
  }
  const result = Number(tracee.readRegisters().getSigned('rax'));
  if (result !== blob) throw new SyscallFailed(`mmap(0x${blob.toString(16)}, ${BLOB.size}) of the blob`, -result);
  tracee.write(blob, batchCode);
}

import t from 'tap';
import { SYS } from '@criu-ts/kernel/abi';
import { FrozenTree, Registers, RemoteSyscalls } from '@criu-ts/tracee';
import { abortCriticalSection, readRseqCs } from './rseq.js';
import { codeOf, inspect, sleep, Victim, whyNoVictims } from './testing/victims.js';

const section = { version: 0, flags: 0, start_ip: 0x1000, post_commit_offset: 0x20n, abort_ip: 0x5000 };
for (const [name, ip, named, wanted] of [
  ['at its first instruction', 0x1000, section, 0x5000],
  ['at its last', 0x101f, section, 0x5000],
  ['behind it', 0x1020, section, 0x1020],
  ['before it', 0xfff, section, 0xfff],
  ['none named', 0x1000, undefined, 0x1000],
] as const) {
  const registers = new Registers();
  registers.set('rip', ip);
  t.equal(abortCriticalSection(registers, named).get('rip'), BigInt(wanted), name);
}

/** Never leaves its section, but for being aborted. */
const SPIN = `
struct section { uint32_t version, flags; uint64_t start, length, abort; } __attribute__((aligned(32)));
extern ptrdiff_t __rseq_offset;
extern struct section descriptor;
int main() {
  char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
  __asm__ volatile(
    "1: lea descriptor(%%rip), %%rax\\n movq %%rax, 8(%0)\\n"
    "2: pause\\n jmp 2b\\n"
    "3: nop\\n"
    ".pushsection .data\\n .balign 32\\n .globl descriptor\\n descriptor: .long 0, 0\\n .quad 2b, 3b - 2b, 4f\\n .popsection\\n"
    ".pushsection .text\\n .byte 0x0f, 0xb9, 0x3d\\n .long 0x53053053\\n 4: jmp 1b\\n .popsection\\n"
    : : "r"(area) : "rax", "memory");
}`;

t.test('a program inside of a critical section goes on at its abort handler', { skip: whyNoVictims() ?? false }, (t) => {
  using victim = new Victim('spin', `#include <stddef.h>\n#include <stdint.h>\n${SPIN}`);
  for (const deadline = performance.now() + 60_000; ; ) {
    sleep(50);
    using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
    const task = inspect(victim.pid, tree);
    const [thread] = task.threads as [(typeof task.threads)[number]];
    const found = readRseqCs(thread.tracee);
    // The first stop may come before main, a later one on the way from the abort handler.
    if (performance.now() < deadline && (found === undefined || abortCriticalSection(thread.registers, found) === thread.registers)) continue;
    t.not(found, undefined);
    const aborted = abortCriticalSection(thread.registers, found);
    t.equal(aborted.get('rip'), BigInt(found?.abort_ip ?? 0));
    t.equal(aborted.getSigned('origRax'), -1n);
    thread.tracee.setRegisters(aborted);
    {
      using remote = new RemoteSyscalls(thread.tracee, codeOf(task));
      remote.call(SYS.getpid);
      t.equal(readRseqCs(thread.tracee), undefined, 'the kernel has forgotten it after a call: to be read before');
    }
    break;
  }
  t.end();
});

// Programs whose stacks or code are not where one expects them.
import t, { type Test } from 'tap';
import { SYS } from '@criu-ts/kernel/abi';
import { getAffinity } from '@criu-ts/kernel/sys';
import type { BorrowedCode } from './borrowed-code.js';
import { FrozenTree } from './freezer.js';
import { RemoteSyscalls } from './remote-syscalls.js';
import { borrowCode, compile, frozenProcess, until, Victim, whyNoVictims } from './testing/victims.js';

/** Steers it; what was borrowed, and the main thread's stack pointer. */
function steer(pid: number): { readonly code: BorrowedCode; readonly sp: number } {
  using tree = FrozenTree.freeze(pid, { timeout: 60_000 });
  const frozen = frozenProcess(tree, pid);
  const code = borrowCode(frozen);
  const sp = Number(frozen.threads[0]?.getRegisters().get('rsp'));
  for (const thread of frozen.threads) {
    using remote = new RemoteSyscalls(thread, code, { pin: getAffinity(0) });
    remote.write(remote.data, new Uint8Array(RemoteSyscalls.dataSize).fill(0xee));
    for (let i = 0; i < 5; i++) if (remote.call(SYS.gettid) !== thread.tid) throw new Error('gettid is wrong');
  }
  return { code, sp };
}

const CANARIES = `
static void guard_forever(void)
{
	volatile long canary[64];
	for (int i = 0; i < 64; i++) canary[i] = i * 77;
	ready();
	for (;; board->count[0]++) for (int i = 0; i < 64; i++) if (canary[i] != i * 77) { fault("a canary died", i); _exit(1); }
}`;

const rows: [name: string, source: string, flags: string[], judge: (t: Test, found: ReturnType<typeof steer>) => void][] = [
  ['linked statically', 'int main(int argc, char **argv) { open_board(argv); guard_forever(); }', ['-static'], (t, { code, sp }) => {
    t.type(code.sigreturn, 'number', 'it is safe against our death');
    t.ok(code.scratch < sp);
  }],
  [
    'on a small stack of its own, in the heap',
    `#include <ucontext.h>
int main(int argc, char **argv)
{
	open_board(argv);
	ucontext_t own, main_one;
	getcontext(&own);
	char *area = malloc(3 * 16384);
	memset(area, 0x5a, 3 * 16384);
	own.uc_stack.ss_sp = area + 16384;
	own.uc_stack.ss_size = 16384;
	makecontext(&own, guard_forever, 0);
	swapcontext(&main_one, &own);
}`,
    [],
    (t, { code, sp }) => t.ok(code.scratch > sp + 0x1000_0000, 'what lies in the heap below is not touched'),
  ],
  [
    'in a handler on its alternate stack',
    `static void on_signal(int n) { guard_forever(); }
int main(int argc, char **argv)
{
	open_board(argv);
	sigaltstack(&(stack_t){ .ss_sp = malloc(65536), .ss_size = 65536 }, 0);
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	sigaction(SIGUSR1, &action, 0);
	raise(SIGUSR1);
}`,
    [],
    (t, { code, sp }) => t.ok(code.scratch > sp + 0x1000_0000, 'nor there'),
  ],
  [
    'as deep in its stack as it goes',
    `static long dive(long depth)
{
	volatile char frame[1024];
	memset((void *)frame, depth, sizeof frame);
	if (depth == 0) guard_forever();
	long result = dive(depth - 1);
	return result + frame[7];
}
int main(int argc, char **argv) { open_board(argv); dive(600); }`,
    [],
    (t, { code }) => t.type(code.scratch, 'number'),
  ],
  [
    'threads on stacks of 16 KiB',
    `static void *work(void *n) { guard_forever(); return 0; }
int main(int argc, char **argv)
{
	open_board(argv);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	for (int i = 0; i < 4; i++) { pthread_t thread; pthread_create(&thread, &attributes, work, 0); }
	for (;;) pause();
}`,
    [],
    (t, { code, sp }) => t.ok(code.scratch < sp && code.scratch > sp - 65536, 'the main stack serves them all'),
  ],
];

for (const [name, source, flags, judge] of rows) {
  t.test(name, { skip: whyNoVictims() }, async (t) => {
    using victim = new Victim(compile(`${CANARIES}\n${source}`, flags)).untilReady();
    for (let i = 0; i < 5; i++) judge(t, steer(victim.pid));
    const [before = 0] = victim.board.counts;
    // All canaries were looked at once more.
    await until(() => (victim.board.counts[0] ?? 0) > before + 1, () => 'it stands still');
    t.match(victim.board, { faults: 0, why: '' });
    t.equal(victim.status('TracerPid'), '0');
  });
}

/** Neither rt_sigreturn nor a `ret` behind its system call; it counts in a register. */
const BARE = `
__attribute__((naked, noreturn)) void _start(void)
{
	__asm__("1:\\tmov $24, %eax\\n\\tsyscall\\n\\tinc %r15\\n\\tjmp 1b");
}`;

t.test('without a C library', { skip: whyNoVictims() }, async (t) => {
  using victim = new Victim(compile(BARE, ['-static', '-nostdlib', '-ffreestanding'], ''));
  const count = (): bigint => {
    using tree = FrozenTree.freeze(victim.pid, { timeout: 60_000 });
    return frozenProcess(tree, victim.pid).threads[0]?.getRegisters().get('r15') ?? 0n;
  };
  await until(() => count() > 0n, () => 'it never begins');
  for (let i = 0; i < 5; i++) {
    const before = count();
    t.equal(steer(victim.pid).code.sigreturn, undefined);
    await until(() => count() > before, () => 'it does not run on');
  }
});

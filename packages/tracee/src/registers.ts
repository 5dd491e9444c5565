import { Memory } from '@criu-ts/kernel/sys';

/** Index of each register in the 27 words of user_regs_struct (sys/user.h). */
export const REG = {
  r15: 0, r14: 1, r13: 2, r12: 3, rbp: 4, rbx: 5, r11: 6, r10: 7, r9: 8, r8: 9, rax: 10, rcx: 11, rdx: 12, rsi: 13, rdi: 14,
  origRax: 15, rip: 16, cs: 17, eflags: 18, rsp: 19, ss: 20, fsBase: 21, gsBase: 22, ds: 23, es: 24, fs: 25, gs: 26,
} as const;

export type RegisterName = keyof typeof REG;

/** user_regs_struct in memory of ours, so that PTRACE_GETREGS fills it without a copy. */
export class Registers {
  static readonly count = 27;
  readonly memory = new Memory(Registers.count * 8);
  readonly words = new BigUint64Array(this.memory.buffer);
  readonly signed = new BigInt64Array(this.memory.buffer);

  get(name: RegisterName): bigint {
    return this.words[REG[name]] as bigint;
  }

  /** As a signed word: results and orig_rax. */
  getSigned(name: RegisterName): bigint {
    return this.signed[REG[name]] as bigint;
  }

  /** Negative values become their two's complement. */
  set(name: RegisterName, value: bigint | number): void {
    this.signed[REG[name]] = BigInt.asIntN(64, BigInt(value));
  }

  copyFrom(other: Registers): this {
    this.words.set(other.words);
    return this;
  }

  clone(): Registers {
    return new Registers().copyFrom(this);
  }
}

/** cs of a 64-bit task; a 32-bit one has 0x23 (arch/x86/include/asm/segment.h). */
export const USER_CS_64 = 0x33n;

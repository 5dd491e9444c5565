import { readFileSync } from 'node:fs';

/** Linux capability numbers, linux/capability.h. */
const needed = { CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21, CAP_CHECKPOINT_RESTORE: 40 } as const;

/**
 * Why end-to-end tests can't run here, as tap's skip reason; `false` where they can.
 * Checkpoints of strangers need root's capabilities, and a container may have taken them away.
 */
export function skipReason(): string | false {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const missing = Object.entries(needed).filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n);
  return missing.length === 0 ? false : `needs root: ${missing.map(([name]) => name).join(', ')} missing`;
}

import koffi from 'koffi';
import { MAP, PROT } from '../abi/mman.js';
import { SYS } from '../abi/syscalls.js';
import { sys, viewAt } from './libc.js';

const PAGE = 4096;
const codeType = koffi.proto('void code(uint32_t a, uint32_t b, void *out)');

/** Maps position-independent machine code into our own process; its address, a page's. */
export function placeCode(code: Uint8Array): number {
  const size = Math.ceil(code.length / PAGE) * PAGE;
  const address = sys(SYS.mmap, 0, size, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  new Uint8Array(viewAt(address, code.length)).set(code);
  sys(SYS.mprotect, address, size, PROT.READ | PROT.EXEC);
  return address;
}

/**
 * As {@link placeCode}, for what no system call tells (cpuid).
 * @returns a function void(u32, u32, address)
 */
export function mapCode(code: Uint8Array): (a: number, b: number, out: number) => void {
  const address = placeCode(code);
  return (a, b, out) => {
    koffi.call(BigInt(address), codeType, a, b, out);
  };
}

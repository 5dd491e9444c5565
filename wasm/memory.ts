/** As much of the WebAssembly API as is used here; TypeScript has it among the browser's types only. */
interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => WebAssemblyMemory;
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

/**
 * Memory that WebAssembly modules and the kernel work on together: a caller allocates a region, has process_vm_readv
 * or read fill it, and hands its address to a door of this package; nothing is copied in or out.
 *
 * One such memory per worker: V8 reserves 8 GiB of address space and more for each. Where that can't be had
 * (RLIMIT_AS, a browser without WebAssembly), the memory is an ordinary ArrayBuffer, and the doors take their
 * plain-TypeScript way. Callers see no difference but speed.
 */
export interface Memory {
  /** the WebAssembly memory; undefined where the doors run as plain TypeScript */
  readonly wasm: WebAssemblyMemory | undefined;
  /** The buffer as it is now. It changes when the memory grows: make views anew after every `allocate`. */
  readonly buffer: ArrayBuffer;
  /**
   * Reserves `length` bytes, aligned to 16, with 16 bytes behind them that modules may touch. They hold anything.
   * Dispose of regions in the reverse order of their making.
   * @throws RangeError where the memory cannot grow
   */
  allocate(length: number): Region;
  /** Reserves a little for good, for what a door keeps; returns its address. */
  reserve(length: number): number;
}

export interface Region extends Disposable {
  readonly memory: Memory;
  /** bytes from the buffer's beginning */
  readonly address: number;
  readonly length: number;
  /** The region's bytes, or a part of them, as they lie now; not to be kept across `allocate`. */
  bytes(offset?: number, length?: number): Uint8Array;
}

const PAGE = 64 * 1024;
/** Below are the modules' own data and stacks (tools/build-wasm.mjs); from here on what doors keep, then regions. */
const FIRST_RESERVED = 896 * 1024;
const FIRST_FREE = 1024 * 1024;
const INITIAL_PAGES = 2 * (FIRST_FREE / PAGE);
const MAX_PAGES = 65_536;
/** Modules copy in steps of 16 bytes and may touch what lies behind. */
const SLACK = 16;

abstract class StackMemory implements Memory {
  #top = FIRST_FREE;
  #reserved = FIRST_RESERVED;
  abstract readonly wasm: WebAssemblyMemory | undefined;
  abstract readonly buffer: ArrayBuffer;
  protected abstract growTo(bytes: number): void;

  reserve(length: number): number {
    const address = this.#reserved;
    const end = address + Math.ceil((length + SLACK) / 16) * 16;
    if (end > FIRST_FREE) throw new RangeError(`no room for ${length} bytes among what doors keep`);
    this.#reserved = end;
    return address;
  }

  allocate(length: number): Region {
    const address = this.#top;
    const end = address + Math.ceil((length + SLACK) / 16) * 16;
    if (end > this.buffer.byteLength) this.growTo(end);
    this.#top = end;
    return {
      memory: this,
      address,
      length,
      bytes: (offset = 0, size = length - offset) => {
        if (offset < 0 || size < 0 || offset + size > length) throw new RangeError(`bytes ${offset} to ${offset + size} of a region of ${length}`);
        return new Uint8Array(this.buffer, address + offset, size);
      },
      [Symbol.dispose]: () => {
        if (this.#top !== end) throw new Error('regions are given back in the reverse order of their making');
        this.#top = address;
      },
    };
  }
}

class WasmMemory extends StackMemory {
  readonly wasm: WebAssemblyMemory;

  constructor() {
    super();
    this.wasm = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES });
  }

  get buffer(): ArrayBuffer {
    return this.wasm.buffer;
  }

  protected growTo(bytes: number): void {
    // Growing is a system call and makes all views anew: by half at least, so that it is rare.
    const pages = this.buffer.byteLength / PAGE;
    const wanted = Math.max(Math.ceil(bytes / PAGE), Math.min(MAX_PAGES, Math.ceil(pages * 1.5)));
    this.wasm.grow(wanted - pages);
  }
}

class PlainMemory extends StackMemory {
  readonly wasm = undefined;
  #buffer = new ArrayBuffer(INITIAL_PAGES * PAGE);

  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  protected growTo(bytes: number): void {
    const grown = new Uint8Array(Math.max(bytes, this.#buffer.byteLength * 1.5));
    grown.set(new Uint8Array(this.#buffer));
    this.#buffer = grown.buffer;
  }
}

/** A memory of ordinary JavaScript, for tests and where WebAssembly is not to be had. */
export function plainMemory(): Memory {
  return new PlainMemory();
}

let shared: Memory | undefined;

/** This thread's memory. */
export function threadMemory(): Memory {
  if (shared === undefined) {
    try {
      shared = new WasmMemory();
    } catch {
      shared = new PlainMemory();
    }
  }
  return shared;
}

/** Node's Buffer does it in a moment; what browsers have takes a millisecond for 10 KiB before it is optimised. */
function bytesOfBase64(base64: string): Uint8Array {
  const { Buffer } = globalThis as { Buffer?: { from(text: string, encoding: 'base64'): Uint8Array } };
  return Buffer === undefined ? Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)) : Buffer.from(base64, 'base64');
}

/** An instance of a module on this memory; undefined where it runs without WebAssembly. */
export function instantiate<Exports>(base64: string, memory: Memory): Exports | undefined {
  if (memory.wasm === undefined) return undefined;
  const code = bytesOfBase64(base64);
  let module: object;
  try {
    module = new WebAssembly.Module(code);
  } catch {
    // No SIMD, or a browser that compiles large modules only asynchronously.
    return undefined;
  }
  const instance = new WebAssembly.Instance(module, { env: { memory: memory.wasm } });
  (instance.exports._initialize as (() => void) | undefined)?.();
  return instance.exports as Exports;
}

/** A door that is opened once a memory, however often it is asked for. */
export function oncePerMemory<Door>(open: (memory: Memory) => Door): (memory: Memory) => Door {
  const doors = new WeakMap<Memory, Door>();
  return (memory) => {
    const known = doors.get(memory);
    if (known !== undefined) return known;
    const door = open(memory);
    doors.set(memory, door);
    return door;
  };
}

/** A module trusts the addresses it is given. */
export function checkRange(region: Region, offset: number, length: number): void {
  if (!(Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0 && offset + length <= region.length)) {
    throw new RangeError(`bytes ${offset} to ${offset + length} of a region of ${region.length}`);
  }
}

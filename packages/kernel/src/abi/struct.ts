// C structs on a DataView: layout by the rules of the x86-64 psABI, little-endian.

/** How one C type lies in memory and how it looks in TypeScript. A Struct is a CType too, so structs nest. */
export interface CType<T> {
  readonly size: number;
  readonly align: number;
  /** Reads the value at byte `offset` of `view`. @throws RangeError outside the view */
  read(view: DataView, offset: number): T;
  /** Writes the value at byte `offset` of `view`. @throws RangeError outside the view */
  write(view: DataView, offset: number, value: T): void;
}

export type ValueOf<C> = C extends { read(view: DataView, offset: number): infer T } ? T : never;

export const u8: CType<number> = {
  size: 1,
  align: 1,
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, value),
};
export const i8: CType<number> = {
  size: 1,
  align: 1,
  read: (view, at) => view.getInt8(at),
  write: (view, at, value) => view.setInt8(at, value),
};
export const u16: CType<number> = {
  size: 2,
  align: 2,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
};
/** Big-endian, as ports are (__be16). */
export const be16: CType<number> = {
  size: 2,
  align: 2,
  read: (view, at) => view.getUint16(at),
  write: (view, at, value) => view.setUint16(at, value),
};
export const i16: CType<number> = {
  size: 2,
  align: 2,
  read: (view, at) => view.getInt16(at, true),
  write: (view, at, value) => view.setInt16(at, value, true),
};
export const u32: CType<number> = {
  size: 4,
  align: 4,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
};
export const i32: CType<number> = {
  size: 4,
  align: 4,
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
};
export const u64: CType<bigint> = {
  size: 8,
  align: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
};
export const i64: CType<bigint> = {
  size: 8,
  align: 8,
  read: (view, at) => view.getBigInt64(at, true),
  write: (view, at, value) => view.setBigInt64(at, value, true),
};

/**
 * A 64-bit user address or length as a JS number (user addresses are below 2^47).
 * Reading or writing what is no safe integer throws RangeError: nothing is rounded in silence.
 */
export const ptr: CType<number> = {
  size: 8,
  align: 8,
  read(view, at) {
    const high = view.getUint32(at + 4, true);
    if (high >= 0x20_0000) throw new RangeError(`0x${view.getBigUint64(at, true).toString(16)} is no user address`);
    return high * 0x1_0000_0000 + view.getUint32(at, true);
  },
  write(view, at, value) {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no user address`);
    view.setUint32(at, value % 0x1_0000_0000, true);
    view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  },
};

/** `count` raw bytes. Reading copies; writing a shorter array fills up with zeros. */
export function bytes(count: number, align = 1): CType<Uint8Array> {
  return {
    size: count,
    align,
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, count).slice(),
    write(view, at, value) {
      if (value.length > count) throw new RangeError(`${value.length} bytes do not fit in ${count}`);
      const target = new Uint8Array(view.buffer, view.byteOffset + at, count);
      target.fill(0);
      target.set(value);
    },
  };
}

/** `count` elements of `type`. Writing needs exactly `count` of them. */
export function array<T>(type: CType<T>, count: number): CType<T[]> {
  const stride = type.size;
  return {
    size: stride * count,
    align: type.align,
    read(view, at) {
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(type.read(view, at + i * stride));
      return values;
    },
    write(view, at, values) {
      if (values.length !== count) throw new RangeError(`${values.length} elements where C has ${count}`);
      for (let i = 0; i < count; i++) type.write(view, at + i * stride, values[i] as T);
    },
  };
}

export type Fields = Readonly<Record<string, CType<any>>>; // eslint-disable-line @typescript-eslint/no-explicit-any
export type FieldValues<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K]> };
/** The TypeScript value of a Struct: `type CloneArgs = StructValue<typeof clone_args>`. */
export type StructValue<S> = S extends Struct<infer F> ? FieldValues<F> : never;

export interface StructOptions {
  /** sizeof, asserted when the struct is first used (and for all of them by tests). */
  readonly size: number;
  /** Header (or several) that declares it; tools/abi-check compiles against it. */
  readonly header: string | readonly string[];
  /** The C type, where it is not `struct NAME`. */
  readonly c?: string;
  /** C member designators, where they differ from our field names. */
  readonly members?: Readonly<Record<string, string>>;
  /** __attribute__((packed)) */
  readonly packed?: boolean;
  /** Our fields end before `size`: the rest of the C type (unions) is left alone. */
  readonly openEnd?: boolean;
  /** Fields (or the struct: '*') that Debian 12's headers do not have yet, and the kernel that brought them. */
  readonly since?: Readonly<Record<string, string>>;
}

interface Plan {
  readonly align: number;
  readonly offsets: Readonly<Record<string, number>>;
  readonly layout: readonly (readonly [name: string, type: CType<unknown>, offset: number])[];
}

export class Struct<F extends Fields> implements CType<FieldValues<F>> {
  readonly name: string;
  readonly fields: F;
  readonly options: StructOptions;
  readonly size: number;
  #plan: Plan | undefined;

  constructor(name: string, fields: F, options: StructOptions) {
    this.name = name;
    this.fields = fields;
    this.options = options;
    this.size = options.size;
  }

  get align(): number {
    return this.plan.align;
  }

  get offsets(): { readonly [K in keyof F]: number } {
    return this.plan.offsets as { [K in keyof F]: number };
  }

  /** Made when it is first needed: most runs need few of the structs. @throws TypeError where the fields don't make the size */
  get plan(): Plan {
    return (this.#plan ??= this.#lay());
  }

  #lay(): Plan {
    const { name, fields, options } = this;
    const offsets: Record<string, number> = {};
    const layout: [string, CType<unknown>, number][] = [];
    let end = 0;
    let align = 1;
    for (const [field, type] of Object.entries(fields)) {
      const fieldAlign = options.packed ? 1 : type.align;
      const offset = Math.ceil(end / fieldAlign) * fieldAlign;
      offsets[field] = offset;
      layout.push([field, type, offset]);
      end = offset + type.size;
      align = Math.max(align, fieldAlign);
    }
    const size = Math.ceil(end / align) * align;
    if (options.openEnd ? size > options.size : size !== options.size) {
      throw new TypeError(`struct ${name}: the fields make ${size} bytes, not ${options.size}`);
    }
    return { align, offsets, layout };
  }

  read(view: DataView, offset: number): FieldValues<F> {
    const value: Record<string, unknown> = {};
    for (const [name, type, at] of this.plan.layout) value[name] = type.read(view, offset + at);
    return value as FieldValues<F>;
  }

  /** Writes the fields that are given and leaves all other bytes as they are. Unknown names throw TypeError. */
  write(view: DataView, offset: number, value: Partial<FieldValues<F>>): void {
    let written = 0;
    for (const [name, type, at] of this.plan.layout) {
      const field = value[name];
      if (field === undefined) continue;
      type.write(view, offset + at, field);
      written++;
    }
    if (written !== Object.keys(value).length) this.#rejectUnknown(value);
  }

  /** A new, otherwise zeroed, array of `size` bytes. */
  encode(value: Partial<FieldValues<F>>): Uint8Array {
    const encoded = new Uint8Array(this.size);
    this.write(new DataView(encoded.buffer), 0, value);
    return encoded;
  }

  /** Reads from `data` at `offset`. @throws RangeError when `data` is too short */
  decode(data: Uint8Array, offset = 0): FieldValues<F> {
    return this.read(new DataView(data.buffer, data.byteOffset, data.byteLength), offset);
  }

  #rejectUnknown(value: object): void {
    for (const [name, field] of Object.entries(value)) {
      if (field !== undefined && !(name in this.fields)) throw new TypeError(`struct ${this.name} has no field ${name}`);
    }
  }
}

/** Declares a kernel struct once: type, size, offsets, reading and writing. */
export function defineStruct<const F extends Fields>(name: string, fields: F, options: StructOptions): Struct<F> {
  return new Struct(name, fields, options);
}

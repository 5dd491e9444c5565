import type { LongType, RepeatType, ScalarType } from '@protobuf-ts/runtime';
import { LIST_FAST_PATHS } from './fast-paths.js';
import type { ListFastPath } from './fast-paths.js';
import type { MessageType } from './message-type.js';

/** What `crit --pretty` makes of a field (opts.proto). */
export interface DisplayOptions {
  readonly hex?: boolean;
  readonly ipadd?: boolean;
  readonly flags?: string;
  readonly dev?: boolean;
  readonly odev?: boolean;
  readonly dict?: string;
  readonly conv?: string;
}

/** The values of a proto2 enum by name, as the generated code exports them. */
export type EnumValues = Readonly<Record<string, number>>;

/** A field as the generated code describes it: protobuf-ts's description, and what proto2 adds to it. */
export interface GeneratedField {
  readonly no: number;
  readonly name: string;
  readonly localName: string;
  readonly kind: 'scalar' | 'enum' | 'message';
  readonly T: ScalarType | (() => MessageType<object>) | (() => readonly [string, EnumValues]);
  readonly L?: LongType;
  readonly opt?: boolean;
  readonly repeat?: RepeatType;
  readonly options?: { readonly criu?: DisplayOptions };
  /** required: written whatever its value, and its absence is corruption */
  readonly req?: boolean;
  /** the proto2 default, which a reader assumes where an optional field is absent */
  readonly def?: bigint | boolean | number;
}

// Type numbers of descriptor.proto; protobuf-ts's ScalarType is a part of them.
export const INT64 = 3;
export const UINT64 = 4;
export const INT32 = 5;
export const FIXED64 = 6;
export const BOOL = 8;
export const STRING = 9;
export const MESSAGE = 11;
export const BYTES = 12;
export const UINT32 = 13;
export const ENUM = 14;
export const SINT32 = 17;
export const SINT64 = 18;

/** protobuf-ts's RepeatType.PACKED */
const PACKED = 1;

/** A field, ready for coding. */
export interface Field {
  readonly no: number;
  /** the name in the .proto file and in JSON, `nr_pages` */
  readonly name: string;
  /** the property, `nrPages` */
  readonly key: string;
  /** one of the type numbers above */
  readonly type: number;
  readonly wireType: number;
  readonly repeated: boolean;
  readonly packed: boolean;
  readonly required: boolean;
  /** bit in the set of seen required fields; 0 beyond the 31st and for others */
  readonly requiredBit: number;
  /** field number and wire type, as written before each value */
  readonly tag: number;
  readonly message: (() => MessageType<object>) | undefined;
  readonly values: EnumValues | undefined;
  readonly default: bigint | boolean | number | undefined;
  readonly display: DisplayOptions;
  /** for lists that come by the thousands; their tag has one byte */
  readonly listFastPath: ListFastPath | undefined;
}

const WIRE_TYPE_OF: Readonly<Record<number, number>> = {
  [INT64]: 0,
  [UINT64]: 0,
  [INT32]: 0,
  [FIXED64]: 1,
  [BOOL]: 0,
  [STRING]: 2,
  [MESSAGE]: 2,
  [BYTES]: 2,
  [UINT32]: 0,
  [ENUM]: 0,
  [SINT32]: 0,
  [SINT64]: 0,
};

const NO_OPTIONS: DisplayOptions = {};

/** Ready descriptions from generated ones, in the order of their numbers (which is the order they are written in). */
export function fieldsOf(messageName: string, generated: readonly GeneratedField[]): Field[] {
  let requiredSoFar = 0;
  return [...generated]
    .sort((a, b) => a.no - b.no)
    .map((field) => {
      const type = field.kind === 'message' ? MESSAGE : field.kind === 'enum' ? ENUM : (field.T as number);
      const elementWireType = WIRE_TYPE_OF[type];
      if (elementWireType === undefined) throw new TypeError(`${messageName}.${field.name} has a type this codec does not know (${type})`);
      const packed = (field.repeat as number | undefined) === PACKED;
      const wireType = packed ? 2 : elementWireType;
      const repeated = field.repeat !== undefined;
      const required = field.req === true;
      const requiredBit = required && requiredSoFar < 31 ? 1 << requiredSoFar++ : 0;
      return {
        no: field.no,
        name: field.name,
        key: field.localName,
        type,
        wireType: elementWireType,
        repeated,
        packed,
        required,
        requiredBit,
        tag: ((field.no << 3) | wireType) >>> 0,
        message: type === MESSAGE ? (field.T as () => MessageType<object>) : undefined,
        values: type === ENUM ? (field.T as () => readonly [string, EnumValues])()[1] : undefined,
        default: field.def,
        display: field.options?.criu ?? NO_OPTIONS,
        listFastPath: repeated && type === MESSAGE && field.no < 16 ? LIST_FAST_PATHS[(field.T as () => MessageType<object>)().name] : undefined,
      };
    });
}

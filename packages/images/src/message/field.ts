import { normalizeFieldInfo, RepeatType, ScalarType } from '@protobuf-ts/runtime';
import type { LongType, PartialFieldInfo } from '@protobuf-ts/runtime';
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

/** Type numbers of descriptor.proto; protobuf-ts's ScalarType is a part of them. */
export const WIRE_MESSAGE = 11;
export const WIRE_ENUM = 14;

/** A field, ready for coding. */
export interface Field {
  readonly no: number;
  /** the name in the .proto file and in JSON, `nr_pages` */
  readonly name: string;
  /** the property, `nrPages` */
  readonly key: string;
  /** a ScalarType, WIRE_MESSAGE or WIRE_ENUM */
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
}

const WIRE_TYPE_OF: Readonly<Record<number, number>> = {
  [ScalarType.INT64]: 0,
  [ScalarType.UINT64]: 0,
  [ScalarType.INT32]: 0,
  [ScalarType.FIXED64]: 1,
  [ScalarType.BOOL]: 0,
  [ScalarType.STRING]: 2,
  [WIRE_MESSAGE]: 2,
  [ScalarType.BYTES]: 2,
  [ScalarType.UINT32]: 0,
  [WIRE_ENUM]: 0,
  [ScalarType.SINT32]: 0,
  [ScalarType.SINT64]: 0,
};

const NO_OPTIONS: DisplayOptions = {};

/** Ready descriptions from generated ones, in the order of their numbers (which is the order they are written in). */
export function fieldsOf(messageName: string, generated: readonly GeneratedField[]): Field[] {
  let requiredSoFar = 0;
  return [...generated]
    .sort((a, b) => a.no - b.no)
    .map((field) => {
      const type = field.kind === 'message' ? WIRE_MESSAGE : field.kind === 'enum' ? WIRE_ENUM : (field.T as ScalarType);
      const elementWireType = WIRE_TYPE_OF[type];
      if (elementWireType === undefined) throw new TypeError(`${messageName}.${field.name} has a type this codec does not know (${type})`);
      const packed = field.repeat === RepeatType.PACKED;
      const wireType = packed ? 2 : elementWireType;
      const required = field.req === true;
      const requiredBit = required && requiredSoFar < 31 ? 1 << requiredSoFar++ : 0;
      return {
        no: field.no,
        name: field.name,
        key: normalizeFieldInfo({ ...field } as PartialFieldInfo).localName,
        type,
        wireType: elementWireType,
        repeated: field.repeat !== undefined && field.repeat !== RepeatType.NO,
        packed,
        required,
        requiredBit,
        tag: ((field.no << 3) | wireType) >>> 0,
        message: type === WIRE_MESSAGE ? (field.T as () => MessageType<object>) : undefined,
        values: type === WIRE_ENUM ? (field.T as () => readonly [string, EnumValues])()[1] : undefined,
        default: field.def,
        display: field.options?.criu ?? NO_OPTIONS,
      };
    });
}

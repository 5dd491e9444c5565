import type { DisplayOptions, EnumValues, Field, GeneratedField, MessageType } from './description.js';
import { LIST_FAST_PATHS } from './fast-paths.js';

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

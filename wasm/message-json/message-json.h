// SPDX-License-Identifier: MIT
// The tables of message-json, as tables.ts lays them out: u32 each, offsets counted from the beginning of all.
#pragma once

enum status { DONE, NO_ROOM, CUT_SHORT, UNUSUAL, ENDED };

// Up to LAST_VARINT a value is one varint. What is OTHER is unusual wherever it comes.
enum kind { UINT32, UINT64, INT32, INT64, SINT32, SINT64, BOOL, ENUM, LAST_VARINT = ENUM, FIXED64, STRING, BYTES, MESSAGE, OTHER };

// Bytes for a number or name, what stands around it (a brace for each level), and what copying in steps of eight may overwrite.
#define ROOM 128
// Messages nested deeper are left to the general codec.
#define DEPTH 32

// Most runs are over before V8 has optimised anything: small functions are soon made, and little is made in vain.
#define NOINLINE __attribute__((noinline))

struct name {
	u32 value;
	// in its quotes
	u32 text, length;
};

struct field {
	// of a packed field that of its bytes
	u32 tag;
	u32 kind;
	u8 repeated, packed, required, unused;
	// the name in its quotes, colon and space
	u32 key, key_length;
	// a message, or the names of values
	u32 more, count;
};

struct message {
	u32 count;
	// how many fields are required
	u32 required;
	struct field fields[];
};

// SPDX-License-Identifier: MIT
// The LZ4 block format (lz4_Block_format.md), for blocks of at most 64 KiB, so that every position fits 16 bits.
#include <wasm_simd128.h>
#include "../common.h"

#define HASH_BITS 13
#define MIN_MATCH 4
// What a token can tell without more bytes.
#define MOST_LITERALS 16
#define MOST_MATCH 18
// The last match must begin this far before the end, and the last five bytes are literals (end-of-block restrictions).
#define MATCH_LIMIT 12
#define LAST_LITERALS 5
// A miss in the hash table makes steps longer after this many: data that does not compress is passed over fast.
#define SKIP_TRIGGER 6

static inline u32 hash(u32 word) { return (word * 2654435761u) >> (32 - HASH_BITS); }
static inline void copy16(u8 *to, const u8 *from) { wasm_v128_store(to, wasm_v128_load(from)); }

// How many bytes are the same, up to `limit`.
static inline u32 common(const u8 *a, const u8 *b, const u8 *limit)
{
	const u8 *start = a;
	while (a + 8 <= limit) {
		u64 differing = load64(a) ^ load64(b);
		if (differing)
			return a - start + (__builtin_ctzll(differing) >> 3);
		a += 8;
		b += 8;
	}
	while (a < limit && *a == *b)
		a++, b++;
	return a - start;
}

// Copies in steps of 16; up to 15 bytes beyond `length` are read and written, which the caller has room for.
static inline void copy_over(u8 *to, const u8 *from, u32 length)
{
	for (u32 at = 0; at < length; at += 16)
		copy16(to + at, from + at);
}

static inline u8 *put_length(u8 *out, u32 rest)
{
	for (; rest >= 255; rest -= 255)
		*out++ = 255;
	*out++ = rest;
	return out;
}

// Compresses `length` bytes (at most 65536) into at most `room`. Returns the size, 0 where it does not fit.
// `table` is 8192 u16 of scratch; reads up to 15 bytes beyond both source and target, so both need that much slack.
EXPORT(lz4_compress) u32 lz4_compress(const u8 *source, u32 length, u8 *target, u32 room, u16 *table)
{
	const u8 *end = source + length, *anchor = source;
	u8 *out = target, *out_end = target + room;

	if (length > MATCH_LIMIT) {
		const u8 *last_start = end - MATCH_LIMIT, *match_end = end - LAST_LITERALS;
		const u8 *at = source;

		__builtin_memset(table, 0, sizeof(u16) << HASH_BITS);
		for (;;) {
			const u8 *match;
			u32 tries = 1 << SKIP_TRIGGER;
			const u8 *next = at + 1;

			do {
				at = next;
				if (at > last_start)
					goto literals;
				next = at + (tries++ >> SKIP_TRIGGER);
				u32 slot = hash(load32(at));
				match = source + table[slot];
				table[slot] = at - source;
			} while (load32(match) != load32(at));
			while (at > anchor && match > source && at[-1] == match[-1])
				at--, match--;

			for (;;) {
				u32 before = at - anchor;
				u32 more = common(at + MIN_MATCH, match + MIN_MATCH, match_end);
				// Token, literals, offset, and the extensions of both lengths.
				if (before + before / 255 + more / 255 + 5 > (u32)(out_end - out))
					return 0;
				u8 *token = out++;
				*token = (before < 15 ? before : 15) << 4 | (more < 15 ? more : 15);
				if (before >= 15)
					out = put_length(out, before - 15);
				copy_over(out, anchor, before);
				out += before;
				u32 offset = at - match;
				*out++ = offset;
				*out++ = offset >> 8;
				if (more >= 15)
					out = put_length(out, more - 15);
				at += MIN_MATCH + more;
				anchor = at;
				if (at > last_start)
					goto literals;
				table[hash(load32(at - 2))] = at - 2 - source;
				u32 slot = hash(load32(at));
				match = source + table[slot];
				table[slot] = at - source;
				if (load32(match) != load32(at))
					break;
			}
		}
	}
literals:;
	u32 rest = end - anchor;
	if (rest + rest / 255 + 2 > (u32)(out_end - out))
		return 0;
	*out++ = (rest < 15 ? rest : 15) << 4;
	if (rest >= 15)
		out = put_length(out, rest - 15);
	copy_over(out, anchor, rest);
	out += rest;
	return out - target;
}

// Decompresses a block into exactly `room` bytes. Returns 1, or 0 where the block is not such a one.
// Nothing outside [source, source + length) is read and nothing outside [target, target + room) is written.
EXPORT(lz4_decompress) u32 lz4_decompress(const u8 *source, u32 length, u8 *target, u32 room)
{
	const u8 *in = source, *in_end = source + length;
	u8 *out = target, *out_end = target + room;

	for (;;) {
		if (in >= in_end)
			return 0;
		u32 token = *in++;
		u32 literals = token >> 4;
		if (literals < 15 && in_end - in >= 16 && out_end - out >= MOST_LITERALS + MOST_MATCH) {
			// Most sequences: both are copied in their longest length, which asks for no branch that may be guessed wrong.
			copy16(out, in);
			const u8 *behind = in + literals;
			u8 *to = out + literals;
			u32 offset = behind[0] | behind[1] << 8;
			if ((token & 15) < 15 && offset >= 8 && offset <= (u32)(to - target)) {
				const u8 *match = to - offset;
				store64(to, load64(match));
				store64(to + 8, load64(match + 8));
				to[16] = match[16];
				to[17] = match[17];
				in = behind + 2;
				out = to + (token & 15) + MIN_MATCH;
				continue;
			}
		}
		if (literals == 15) {
			u32 byte;
			do {
				if (in >= in_end)
					return 0;
				byte = *in++;
				literals += byte;
			} while (byte == 255);
		}
		u32 in_left = in_end - in, out_left = out_end - out;
		if (literals > in_left || literals > out_left)
			return 0;
		if (in_left - literals >= 16 && out_left - literals >= 16)
			copy_over(out, in, literals);
		else
			for (u32 i = 0; i < literals; i++)
				out[i] = in[i];
		in += literals;
		out += literals;
		// The last sequence is literals alone.
		if (in == in_end)
			return out == out_end;

		if (in_end - in < 2)
			return 0;
		u32 offset = in[0] | in[1] << 8;
		in += 2;
		if (offset == 0 || offset > (u32)(out - target))
			return 0;
		u32 more = token & 15;
		if (more == 15) {
			u32 byte;
			do {
				if (in >= in_end)
					return 0;
				byte = *in++;
				more += byte;
			} while (byte == 255);
		}
		more += MIN_MATCH;
		out_left = out_end - out;
		if (more > out_left)
			return 0;
		const u8 *match = out - offset;
		if (offset >= 16 && out_left - more >= 16) {
			copy_over(out, match, more);
		} else if (offset >= 8 && out_left - more >= 8) {
			for (u32 i = 0; i < more; i += 8)
				store64(out + i, load64(match + i));
		} else if (offset == 1) {
			__builtin_memset(out, *match, more);
		} else {
			for (u32 i = 0; i < more; i++)
				out[i] = match[i];
		}
		out += more;
	}
}

// SPDX-License-Identifier: MIT
// Where a string of bytes occurs in memory.
#include <wasm_simd128.h>
#include "../common.h"

static inline u32 same(const u8 *a, const u8 *b, u32 length)
{
	u32 i = 0;

	for (; i + 8 <= length; i += 8)
		if (load64(a + i) != load64(b + i))
			return 0;
	for (; i < length; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

// Writes the offsets at which `needle` begins in `hay`, in increasing order and overlapping ones too, at most `room`.
// `second` is the place in the needle of the byte that is compared beside the first: a rare one, as the caller judges.
// Returns how many; *searched says how many places were tried: all of them, or up to the place behind the last that
// found room.
EXPORT(search) u32 search(const u8 *hay, u32 length, const u8 *needle, u32 needle_length, u32 second, u32 *offsets, u32 room, u32 *searched)
{
	u32 found = 0, at = 0;

	*searched = 0;
	if (!needle_length || needle_length > length)
		return 0;

	u32 places = length - needle_length + 1;
	v128_t first = wasm_i8x16_splat(needle[0]), other = wasm_i8x16_splat(needle[second]);

	// Sixteen places at once: those where both bytes fit are compared in full.
	while (at + 64 <= places) {
		const u8 *a = hay + at, *b = hay + at + second;
		v128_t m0 = wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a), first), wasm_i8x16_eq(wasm_v128_load(b), other));
		v128_t m1 = wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a + 16), first), wasm_i8x16_eq(wasm_v128_load(b + 16), other));
		v128_t m2 = wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a + 32), first), wasm_i8x16_eq(wasm_v128_load(b + 32), other));
		v128_t m3 = wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a + 48), first), wasm_i8x16_eq(wasm_v128_load(b + 48), other));

		if (wasm_v128_any_true(wasm_v128_or(wasm_v128_or(m0, m1), wasm_v128_or(m2, m3)))) {
			u64 bits = (u64)wasm_i8x16_bitmask(m0) | (u64)wasm_i8x16_bitmask(m1) << 16 | (u64)wasm_i8x16_bitmask(m2) << 32 | (u64)wasm_i8x16_bitmask(m3) << 48;

			for (; bits; bits &= bits - 1) {
				u32 place = at + __builtin_ctzll(bits);

				if (!same(hay + place, needle, needle_length))
					continue;
				offsets[found++] = place;
				if (found == room) {
					*searched = place + 1;
					return found;
				}
			}
		}
		at += 64;
	}
	for (; at < places; at++) {
		if (hay[at] != needle[0] || !same(hay + at, needle, needle_length))
			continue;
		offsets[found++] = at;
		if (found == room) {
			*searched = at + 1;
			return found;
		}
	}
	*searched = places;
	return found;
}

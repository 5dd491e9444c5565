// SPDX-License-Identifier: MIT
// Runs of pages, from the words of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
#include <wasm_simd128.h>
#include "../common.h"

#define PFN_MASK ((1ull << 55) - 1)
#define PRESENT (1ull << 63)

struct filter {
	u64 inverted; // these bits are flipped first
	u64 all;      // then all of these must be set,
	u64 any;      // and one of these, where there are any
	u64 skip_pfn; // a present page with this frame does not count (the zero page); 0: none such
};

struct run {
	u32 first; // index of its first page
	u32 count; // pages
};

static inline u32 counts(u64 word, const struct filter *f)
{
	u64 flipped = word ^ f->inverted;
	if ((flipped & f->all) != f->all || (f->any && !(flipped & f->any)))
		return 0;
	return !(f->skip_pfn && (word & PRESENT) && (word & PFN_MASK) == f->skip_pfn);
}

// Two pages: a bit for each that counts.
static inline u32 counts2(const u64 *words, v128_t inverted, v128_t all, v128_t any, v128_t no_any, v128_t pfn, v128_t no_pfn)
{
	v128_t word = wasm_v128_load(words);
	v128_t flipped = wasm_v128_xor(word, inverted);
	v128_t fits = wasm_i64x2_eq(wasm_v128_and(flipped, all), all);
	v128_t one = wasm_i64x2_ne(wasm_v128_and(flipped, any), wasm_i64x2_splat(0));
	v128_t frame = wasm_v128_and(word, wasm_i64x2_splat(PFN_MASK | PRESENT));
	v128_t other = wasm_i64x2_ne(frame, pfn);
	fits = wasm_v128_and(fits, wasm_v128_and(wasm_v128_or(one, no_any), wasm_v128_or(other, no_pfn)));
	return wasm_i64x2_bitmask(fits);
}

// Writes the runs of counting pages among `pages` words, at most `room` of them. Returns how many;
// *scanned says how far it came: less than `pages` where there was no room.
EXPORT(pagemap_scan) u32 pagemap_scan(const u64 *words, u32 pages, const struct filter *f, struct run *runs, u32 room, u32 *scanned)
{
	v128_t inverted = wasm_i64x2_splat(f->inverted), all = wasm_i64x2_splat(f->all), any = wasm_i64x2_splat(f->any);
	v128_t no_any = wasm_i64x2_splat(f->any ? 0 : -1);
	v128_t pfn = wasm_i64x2_splat(f->skip_pfn | PRESENT), no_pfn = wasm_i64x2_splat(f->skip_pfn ? 0 : -1);
	u32 found = 0, in_run = 0, first = 0, at = 0;

	while (at < pages) {
		u32 bits, width;
		if (pages - at >= 8) {
			width = 8;
			bits = 0;
			for (u32 i = 0; i < 8; i += 2)
				bits |= counts2(words + at + i, inverted, all, any, no_any, pfn, no_pfn) << i;
		} else {
			width = 1;
			bits = counts(words[at], f);
		}
		// Mostly, eight neighbours are alike and go on as before.
		if (bits == (in_run ? (1u << width) - 1 : 0)) {
			at += width;
			continue;
		}
		for (u32 i = 0; i < width; i++) {
			u32 bit = bits >> i & 1;
			if (bit == in_run)
				continue;
			if (bit) {
				if (found == room) {
					*scanned = at + i;
					return found;
				}
				first = at + i;
			} else {
				runs[found].first = first;
				runs[found++].count = at + i - first;
			}
			in_run = bit;
		}
		at += width;
	}
	if (in_run) {
		runs[found].first = first;
		runs[found++].count = pages - first;
	}
	*scanned = pages;
	return found;
}

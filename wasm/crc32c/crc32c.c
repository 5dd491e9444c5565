// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli; RFC 3720 appendix B.4), sixteen bytes a step by sixteen tables.
#include "../common.h"

// The polynomial 0x1EDC6F41, bits reversed.
#define POLYNOMIAL 0x82f63b78u

// Fills 16 tables of 256 words.
EXPORT(crc32c_tables) void crc32c_tables(u32 *table)
{
	for (u32 byte = 0; byte < 256; byte++) {
		u32 crc = byte;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
		table[byte] = crc;
	}
	for (u32 byte = 0; byte < 256; byte++)
		for (int slice = 1; slice < 16; slice++) {
			u32 before = table[(slice - 1) * 256 + byte];
			table[slice * 256 + byte] = (before >> 8) ^ table[before & 0xff];
		}
}

#define SLICE(slice, value) table[(slice) * 256 + ((value) & 0xff)]
#define WORD(slice, word) (SLICE((slice) + 3, word) ^ SLICE((slice) + 2, (word) >> 8) ^ SLICE((slice) + 1, (word) >> 16) ^ SLICE(slice, (word) >> 24))

// The checksum of what `crc` is the checksum of, followed by these bytes; 0 is the checksum of nothing.
EXPORT(crc32c) u32 crc32c(const u32 *table, u32 crc, const u8 *bytes, u32 length)
{
	crc = ~crc;
	for (; length >= 16; bytes += 16, length -= 16) {
		u32 a = load32(bytes) ^ crc, b = load32(bytes + 4), c = load32(bytes + 8), d = load32(bytes + 12);
		crc = WORD(12, a) ^ WORD(8, b) ^ WORD(4, c) ^ WORD(0, d);
	}
	while (length--)
		crc = (crc >> 8) ^ table[(crc ^ *bytes++) & 0xff];
	return ~crc;
}

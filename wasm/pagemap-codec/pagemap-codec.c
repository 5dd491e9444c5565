// SPDX-License-Identifier: MIT
// pagemap_entry messages, between their encoding in an image ({ u32 size, message }*) and three columns.
#include "../common.h"

// Longest entry this writes: size word, and four fields of at most 1 + 10, 2, 1 + 5 and 1 + 5 bytes.
#define MAX_ENTRY 29

enum { VADDR = 1, COMPAT_NR_PAGES = 2, IN_PARENT = 3, FLAGS = 4, NR_PAGES = 5 };
enum { PE_PARENT = 1, PE_PRESENT = 4 };

static inline u8 *put_varint(u8 *out, u64 value)
{
	while (value >= 0x80) {
		*out++ = value | 0x80;
		value >>= 7;
	}
	*out++ = value;
	return out;
}

// Writes `count` entries as CRIU 4.2 does: compat_nr_pages zero, in_parent absent, flags and nr_pages there.
// The target must have room for 29 bytes an entry. Returns the size.
EXPORT(pagemap_encode) u32 pagemap_encode(const u64 *vaddr, const u32 *nr_pages, const u32 *flags, u32 count, u8 *target)
{
	u8 *out = target;
	for (u32 i = 0; i < count; i++) {
		u8 *size = out;
		out += 4;
		*out++ = VADDR << 3;
		out = put_varint(out, vaddr[i]);
		*out++ = COMPAT_NR_PAGES << 3;
		*out++ = 0;
		*out++ = FLAGS << 3;
		out = put_varint(out, flags[i]);
		*out++ = NR_PAGES << 3;
		out = put_varint(out, nr_pages[i]);
		store32(size, out - size - 4);
	}
	return out - target;
}

enum status { DONE, NO_ROOM, CUT_SHORT, BAD_NUMBER, BAD_WIRE_TYPE, BAD_FIELD, MISSING_FIELD, TOO_MANY_PAGES };

static inline u32 get_varint(const u8 **at, const u8 *end, u64 *value)
{
	u64 result = 0;
	for (u32 shift = 0; shift < 70; shift += 7) {
		if (*at >= end)
			return CUT_SHORT;
		u8 byte = *(*at)++;
		result |= (u64)(byte & 0x7f) << (shift < 64 ? shift : 63);
		if (byte < 0x80) {
			*value = result;
			return DONE;
		}
	}
	return BAD_NUMBER;
}

static inline u32 skip(const u8 **at, const u8 *end, u32 wire_type)
{
	u64 length = wire_type == 1 ? 8 : wire_type == 5 ? 4 : 0;
	if (wire_type == 0)
		return get_varint(at, end, &length);
	if (wire_type == 2) {
		u32 status = get_varint(at, end, &length);
		if (status)
			return status;
	} else if (length == 0)
		return BAD_WIRE_TYPE;
	if (length > (u64)(end - *at))
		return CUT_SHORT;
	*at += length;
	return DONE;
}

struct entry {
	u64 vaddr, compat, in_parent, flags, nr_pages;
	u32 seen; // a bit for each field number
};

static u32 get_entry(const u8 *at, const u8 *end, struct entry *e)
{
	u64 *const fields[] = { 0, &e->vaddr, &e->compat, &e->in_parent, &e->flags, &e->nr_pages };
	*e = (struct entry){ 0 };
	while (at < end) {
		u64 tag;
		u32 status = get_varint(&at, end, &tag);
		if (status)
			return status;
		u32 number = (u32)tag >> 3, wire_type = tag & 7;
		if (number == 0)
			return BAD_FIELD;
		if (number > NR_PAGES) {
			status = skip(&at, end, wire_type);
		} else {
			if (wire_type != 0)
				return BAD_WIRE_TYPE;
			status = get_varint(&at, end, fields[number]);
			e->seen |= 1u << number;
		}
		if (status)
			return status;
	}
	return (e->seen & 6) == 6 ? DONE : MISSING_FIELD;
}

// Reads entries into the columns until the source ends or `room` entries are there. state[0] is how many,
// state[1] how many bytes they took. Older images have no flags or nr_pages: what stands for them is filled in.
EXPORT(pagemap_decode) u32 pagemap_decode(const u8 *source, u32 length, u64 *vaddr, u32 *nr_pages, u32 *flags, u32 room, u32 *state)
{
	u32 at = 0, count = 0, status = DONE;
	while (at < length) {
		struct entry e;
		if (count == room) {
			status = NO_ROOM;
			break;
		}
		status = CUT_SHORT;
		if (length - at < 4)
			break;
		u32 size = load32(source + at);
		if (size > length - at - 4)
			break;
		status = get_entry(source + at + 4, source + at + 4 + size, &e);
		if (status)
			break;
		u64 pages = e.seen & 1 << NR_PAGES ? e.nr_pages : (u32)e.compat;
		status = TOO_MANY_PAGES;
		if (pages >> 32)
			break;
		status = DONE;
		vaddr[count] = e.vaddr;
		nr_pages[count] = pages;
		flags[count] = e.in_parent ? (u32)e.flags | PE_PARENT : e.seen & 1 << FLAGS ? (u32)e.flags : PE_PRESENT;
		count++;
		at += 4 + size;
	}
	state[0] = count;
	state[1] = at;
	return status;
}

// SPDX-License-Identifier: MIT
// The other way: JSON as crit writes it to the entries of an image.
#pragma once

#include "from-json-values.h"

// Behind `begin` lie the bytes whose length goes before them: makes room for it where a byte is not enough.
static u8 *put_length(u8 *begin, u8 *out)
{
	u32 length = out - begin;
	u32 extra = length < 0x80 ? 0 : length < 0x4000 ? 1 : length < 0x200000 ? 2 : length < 0x10000000 ? 3 : 4;
	if (extra > 0)
		__builtin_memmove(begin + extra, begin, length);
	put_varint(begin - 1, length);
	return out + extra;
}

static u32 get_message(struct reader *r, const struct message *type, u32 depth);

// A value that is no varint, with its tag.
static NOINLINE u32 get_delimited(struct reader *r, const struct field *field, u32 depth)
{
	u8 *out = put_varint(r->out, field->tag);
	if (field->kind == FIXED64) {
		u64 value;
		if (!get_digits(r, &value))
			return UNUSUAL;
		store64(out, value);
		r->out = out + 8;
		return DONE;
	}
	u8 *begin = out + 1;
	if (field->kind == MESSAGE) {
		r->out = begin;
		u32 status = get_message(r, (const struct message *)(r->table + field->more), depth + 1);
		if (status != DONE)
			return status;
	} else {
		if (r->at >= r->end || *r->at++ != '"')
			return UNUSUAL;
		// How long it is is not known yet: as much room as there is text is enough.
		if (r->room - begin < r->end - r->at + ROOM) {
			const u8 *stop = r->at;
			while (stop < r->end && (*stop != '"' || stop[-1] == '\\'))
				stop++;
			if (r->room - begin < stop - r->at + ROOM)
				return NO_ROOM;
		}
		r->out = field->kind == STRING ? get_text(r, begin) : get_base64(r, begin);
		if (r->out == 0)
			return UNUSUAL;
	}
	r->out = put_length(begin, r->out);
	return DONE;
}

static NOINLINE u32 get_list(struct reader *r, const struct field *field, u32 depth)
{
	if (!take(r, '['))
		return UNUSUAL;
	if (take(r, ']'))
		return DONE;
	u8 *begin = 0;
	if (field->packed)
		r->out = begin = put_varint(r->out, field->tag) + 1;
	do {
		u64 value;
		skip_space(r);
		if (r->room - r->out < ROOM)
			return NO_ROOM;
		if (field->kind <= LAST_VARINT) {
			if (!get_value(r, field, &value))
				return UNUSUAL;
			r->out = put_varint(field->packed ? r->out : put_varint(r->out, field->tag), value);
		} else {
			u32 status = get_delimited(r, field, depth);
			if (status != DONE)
				return status;
		}
	} while (take(r, ','));
	if (!take(r, ']'))
		return UNUSUAL;
	if (field->packed)
		r->out = put_length(begin, r->out);
	return DONE;
}

// As put_plain: single numbers in digits, from the name of one on, written as crit does. What is passed over ends
// behind a comma, or before the brace, which is told by 1.
static NOINLINE int get_plain(struct reader *r, const struct field **first, const struct field *last, u32 *required)
{
	const struct field *field = *first;
	const u8 *table = r->table, *at = r->at;
	// A name, twenty digits, a comma and a space, and what reading eight at a time touches.
	const u8 *end = r->end - ROOM;
	u8 *out = r->out, *room = r->room - ROOM;
	int closed = 0;
	while (at <= end && out <= room) {
		const struct field *named = field;
		u32 length = 0;
		// Those in between may be left out.
		for (; named < last; named++) {
			length = named->key_length - 2;
			if (length <= ROOM / 2 && begins_with(at, table + named->key, length))
				break;
		}
		if (named == last || named->kind > UINT64 || named->repeated || named->tag >= 0x80 || at[length] != ':' || at[length + 1] != ' ')
			break;
		const u8 *digits = at + length + 2, *stop = digits;
		u64 value = 0;
		if (eight_digits_of(stop, &value))
			stop += 8;
		else
			value = 0;
		for (; (u8)(*stop - '0') < 10 && stop < digits + 19; stop++)
			value = value * 10 + (*stop - '0');
		if (stop == digits || (*digits == '0' && stop != digits + 1) || (named->kind == UINT32 && value > 0xffffffff))
			break;
		if (*stop == '}')
			closed = 1;
		else if (*stop != ',' || stop[1] != ' ')
			break;
		*out++ = named->tag;
		for (; value >= 0x80; value >>= 7)
			*out++ = value | 0x80;
		*out++ = value;
		*required += named->required;
		field = named + 1;
		at = stop;
		if (closed)
			break;
		at += 2;
	}
	r->at = at;
	r->out = out;
	*first = field;
	return closed;
}

static u32 get_message(struct reader *r, const struct message *type, u32 depth)
{
	const struct field *field = type->fields, *last = field + type->count;
	u32 required = 0, status;
	if (depth > DEPTH || !take(r, '{'))
		return UNUSUAL;
	if (!take(r, '}')) {
		do {
			u64 value;
			skip_space(r);
			if (get_plain(r, &field, last, &required))
				break;
			skip_space(r);
			// The name with colon and space, as it is written; a name that another one begins has its own quote.
			for (; field < last; field++) {
				u32 length = field->key_length;
				if (r->end - r->at >= (int)length && same(r->at, r->table + field->key, length)) {
					r->at += length;
					break;
				}
				length -= 2;
				if (r->end - r->at > (int)length && same(r->at, r->table + field->key, length)) {
					r->at += length;
					if (!take(r, ':'))
						return UNUSUAL;
					break;
				}
			}
			if (field == last || field->kind == OTHER)
				return UNUSUAL;
			if (r->room - r->out < ROOM)
				return NO_ROOM;
			skip_space(r);
			if (field->repeated) {
				status = get_list(r, field, depth);
				if (status != DONE)
					return status;
			} else if (field->kind <= LAST_VARINT) {
				if (!get_value(r, field, &value))
					return UNUSUAL;
				r->out = put_varint(put_varint(r->out, field->tag), value);
			} else {
				status = get_delimited(r, field, depth);
				if (status != DONE)
					return status;
			}
			required += field->required;
			field++;
		} while (take(r, ','));
		if (!take(r, '}'))
			return UNUSUAL;
	}
	return required == type->required ? DONE : UNUSUAL;
}

// Writes up to `most` of the entries that the list in `source` holds, from behind its bracket (`first`), or from behind an
// entry on. ENDED: the list's end was read, too. `state` tells how much was read and written, as for entries_to_json.
EXPORT(entries_from_json) u32 entries_from_json(const u8 *table, u32 type, const u8 *source, u32 length, u8 *target, u32 room, u32 first, u32 most, u32 *state)
{
	struct reader r = { table, source, source + length, target, target + room };
	state[0] = state[1] = 0;
	for (; most > 0; first = 0, most--) {
		if (take(&r, ']')) {
			state[0] = r.at - source;
			return ENDED;
		}
		if (!first && !take(&r, ','))
			return UNUSUAL;
		if (r.room - r.out < ROOM)
			return NO_ROOM;
		u8 *size = r.out;
		r.out += 4;
		u32 status = get_message(&r, (const struct message *)(table + type), 0);
		if (status != DONE)
			return status;
		store32(size, r.out - size - 4);
		state[0] = r.at - source;
		state[1] = r.out - target;
	}
	return DONE;
}

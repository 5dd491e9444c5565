// SPDX-License-Identifier: MIT
// The other way: JSON as crit writes it to the entries of an image.
#pragma once

#include "json-values.h"

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

// SPDX-License-Identifier: MIT
// Messages between their encoding in an image ({ u32 size, message }*) and JSON as crit writes it, by tables of their
// fields. Only what is usual goes this way: known fields in the order of their numbers, each once, and no error; the rest
// is UNUSUAL, and the caller's general codec has its say.
#include "../common.h"
#include "message-json.h"
#include "from-json.h"
#include "to-json-values.h"

static u32 put_message(struct writer *w, const struct message *type, const u8 *at, const u8 *end, u32 depth);

// A value that is no varint, from behind its tag on; returns where it ends, 0 where it is unusual. `status` tells of no room.
static NOINLINE const u8 *put_delimited(struct writer *w, const struct field *field, const u8 *at, const u8 *end, u32 depth, u32 *status)
{
	*status = UNUSUAL;
	if (field->kind == FIXED64) {
		if (end - at < 8)
			return 0;
		w->out = put_number(w->out, load64(at));
		return at + 8;
	}
	u64 length;
	at = get_varint(at, end, &length);
	if (at == 0 || length > (u64)(end - at))
		return 0;
	const u8 *stop = at + length;
	if (field->kind == MESSAGE) {
		*status = put_message(w, (const struct message *)(w->table + field->more), at, stop, depth + 1);
		return *status == DONE ? stop : 0;
	}
	u64 needed = (field->kind == STRING ? 6 : 2) * length + ROOM;
	if (needed > (u64)(w->room - w->out)) {
		*status = NO_ROOM;
		return 0;
	}
	w->out = field->kind == STRING ? put_text(w->out, at, stop) : put_base64(w->out, at, stop);
	return stop;
}

// Single numbers that are not negative, one after the other: most of what there is. From `*field` on, as far as they are so;
// `*required` counts. One small function without calls, because it runs before anything is optimised.
static NOINLINE const u8 *put_plain(struct writer *w, const struct field **first, const struct field *last, const u8 *at, const u8 *end, const u8 *begin, u32 *required)
{
	const struct field *field = *first;
	const u8 *table = w->table;
	u8 *out = w->out;
	u8 *room = w->room - ROOM;
	// What is read beyond the end is there, and not used: memory.ts has 16 bytes behind a region.
	while (at < end && out <= room) {
		u32 tag = *at, shift = 7;
		while (field < last && field->tag < tag)
			field++;
		if (field == last || field->tag != tag || field->kind > UINT64 || field->repeated || field->key_length > ROOM / 2)
			break;
		const u8 *next = at + 2;
		u64 value = at[1], byte = value;
		for (value &= 0x7f; byte >= 0x80 && shift < 70; shift += 7) {
			byte = *next++;
			value |= (byte & 0x7f) << shift;
		}
		if (byte >= 0x80 || next > end)
			break;
		at = next;
		if (out != begin) {
			out[0] = ',';
			out[1] = ' ';
			out += 2;
		}
		const u8 *key = table + field->key;
		for (u32 i = 0; i < field->key_length; i += 8)
			store64(out + i, load64(key + i));
		out += field->key_length;
		if (field->kind == UINT32)
			value = (u32)value;
		if (value < 10)
			*out++ = '0' + value;
		else
			out = put_number(out, value);
		*required += field->required;
		field++;
	}
	w->out = out;
	*first = field;
	return at;
}

static u32 put_message(struct writer *w, const struct message *type, const u8 *at, const u8 *end, u32 depth)
{
	const struct field *field = type->fields, *last = field + type->count;
	u32 required = 0, status;
	u8 *begin = w->out + 1;
	if (depth > DEPTH)
		return UNUSUAL;
	if (w->room - w->out < ROOM)
		return NO_ROOM;
	*w->out++ = '{';
	while (at < end) {
		u64 tag, value;
		at = put_plain(w, &field, last, at, end, begin, &required);
		if (at == end)
			break;
		at = get_varint(at, end, &tag);
		if (at == 0)
			return UNUSUAL;
		while (field < last && field->tag < tag)
			field++;
		if (field == last || field->tag != tag || field->kind == OTHER)
			return UNUSUAL;
		if (w->room - w->out < (long)field->key_length + ROOM)
			return NO_ROOM;
		u8 *out = w->out;
		u8 *before = out;
		if (out != begin) {
			*out++ = ',';
			*out++ = ' ';
		}
		out = copy(out, w->table + field->key, field->key_length);
		if (!field->repeated) {
			if (field->kind <= LAST_VARINT) {
				at = get_varint(at, end, &value);
				if (at == 0)
					return UNUSUAL;
				w->out = put_value(out, w, field, value);
			} else {
				w->out = out;
				at = put_delimited(w, field, at, end, depth, &status);
				if (at == 0)
					return status;
			}
			required += field->required;
			field++;
			continue;
		}
		*out++ = '[';
		w->out = out;
		if (field->packed) {
			u64 length;
			at = get_varint(at, end, &length);
			if (at == 0 || length > (u64)(end - at))
				return UNUSUAL;
			if (length == 0)
				w->out = before;
			for (const u8 *stop = at + length; at < stop;) {
				if (w->room - w->out < ROOM)
					return NO_ROOM;
				at = get_varint(at, stop, &value);
				if (at == 0)
					return UNUSUAL;
				w->out = put_value(w->out, w, field, value);
				*w->out++ = at < stop ? ',' : ']';
				if (at < stop)
					*w->out++ = ' ';
			}
			field++;
			continue;
		}
		for (;;) {
			if (field->kind <= LAST_VARINT) {
				at = get_varint(at, end, &value);
				if (at == 0)
					return UNUSUAL;
				w->out = put_value(w->out, w, field, value);
			} else {
				at = put_delimited(w, field, at, end, depth, &status);
				if (at == 0)
					return status;
			}
			if (w->room - w->out < ROOM)
				return NO_ROOM;
			const u8 *next = at < end ? get_varint(at, end, &tag) : 0;
			if (next == 0 || tag != field->tag)
				break;
			at = next;
			*w->out++ = ',';
			*w->out++ = ' ';
		}
		*w->out++ = ']';
		field++;
	}
	if (required != type->required)
		return UNUSUAL;
	*w->out++ = '}';
	return DONE;
}

// Writes the entries of `source` as JSON, each with ", " before it. `state` tells how many bytes were read and written: whole
// entries only, so that what is not DONE can be gone on with.
EXPORT(entries_to_json) u32 entries_to_json(const u8 *table, u32 type, const u8 *source, u32 length, u8 *target, u32 room, u32 *state)
{
	struct writer w = { table, source + length, target, target + room };
	const u8 *at = source;
	u32 status = DONE;
	state[0] = state[1] = 0;
	while (at < w.end) {
		status = CUT_SHORT;
		if (w.end - at < 4)
			break;
		u32 size = load32(at);
		if (size > (u32)(w.end - at - 4))
			break;
		status = NO_ROOM;
		if (w.room - w.out < ROOM)
			break;
		*w.out++ = ',';
		*w.out++ = ' ';
		status = put_message(&w, (const struct message *)(table + type), at + 4, at + 4 + size, 0);
		if (status != DONE)
			break;
		at += 4 + size;
		state[0] = at - source;
		state[1] = w.out - target;
	}
	return status;
}

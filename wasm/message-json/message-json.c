// SPDX-License-Identifier: MIT
// Messages between their encoding in an image ({ u32 size, message }*) and JSON as crit writes it, by tables of their
// fields. Only what is usual goes this way: known fields in the order of their numbers, each once, and no error; the rest
// is UNUSUAL, and the caller's general codec has its say.
#include "../common.h"
#include "message-json.h"
#include "from-json.h"

static const char DIGITS[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			     "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			     "8081828384858687888990919293949596979899";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char HEX[] = "0123456789abcdef";

/** Bytes to a line of base64, which has 76 characters. */
#define LINE 57

struct writer {
	const u8 *table;
	const u8 *end;
	u8 *out;
	u8 *room;
};

// Eight bytes at a time; up to seven behind both may be touched.
static inline u8 *copy(u8 *out, const u8 *from, u32 length)
{
	for (u32 i = 0; i < length; i += 8)
		store64(out + i, load64(from + i));
	return out + length;
}

// Exactly eight digits.
static NOINLINE u8 *eight_digits(u8 *out, u32 value)
{
	u32 high = value / 10000, low = value % 10000;
	u32 a = high / 100, b = high % 100, c = low / 100, d = low % 100;
	__builtin_memcpy(out, DIGITS + 2 * a, 2);
	__builtin_memcpy(out + 2, DIGITS + 2 * b, 2);
	__builtin_memcpy(out + 4, DIGITS + 2 * c, 2);
	__builtin_memcpy(out + 6, DIGITS + 2 * d, 2);
	return out + 8;
}

static inline u8 *few_digits(u8 *out, u32 value)
{
	if (value < 10) {
		*out = '0' + value;
		return out + 1;
	}
	u8 digits[8];
	eight_digits(digits, value);
	u32 from = value >= 10000 ? (value >= 1000000 ? (value >= 10000000 ? 0 : 1) : (value >= 100000 ? 2 : 3)) : (value >= 1000 ? 4 : value >= 100 ? 5 : 6);
	store64(out, load64(digits + from));
	return out + 8 - from;
}

static NOINLINE u8 *put_number(u8 *out, u64 value)
{
	if (value < 100000000)
		return few_digits(out, value);
	u64 high = value / 100000000;
	u32 low = value % 100000000;
	if (high < 100000000)
		return eight_digits(few_digits(out, high), low);
	u64 highest = high / 100000000;
	return eight_digits(eight_digits(few_digits(out, highest), high % 100000000), low);
}

static inline u8 *put_signed(u8 *out, u64 value)
{
	if ((long long)value >= 0)
		return put_number(out, value);
	*out = '-';
	return put_number(out + 1, -value);
}

static NOINLINE u8 *put_unit(u8 *out, u32 unit)
{
	out[0] = '\\';
	out[1] = 'u';
	for (u32 i = 0; i < 4; i++)
		out[2 + i] = HEX[unit >> (12 - 4 * i) & 15];
	return out + 6;
}

// The code point of the well-formed UTF-8 sequence at `at`, and its length (Unicode, table 3-7); length 0 where there is none.
static inline u32 utf8(const u8 *at, const u8 *end, u32 *length)
{
	u32 first = *at, left = end - at;
	u32 second = left > 1 ? at[1] : 0, third = left > 2 ? at[2] : 0, fourth = left > 3 ? at[3] : 0;
	*length = 0;
	if (first >= 0xc2 && first <= 0xdf && (second & 0xc0) == 0x80) {
		*length = 2;
		return (first & 0x1f) << 6 | (second & 0x3f);
	}
	if (first >= 0xe0 && first <= 0xef) {
		u32 low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
		if (second >= low && second <= high && (third & 0xc0) == 0x80)
			*length = 3;
		return (first & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f);
	}
	if (first >= 0xf0 && first <= 0xf4) {
		u32 low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
		if (second >= low && second <= high && (third & 0xc0) == 0x80 && (fourth & 0xc0) == 0x80)
			*length = 4;
		return (first & 0x07) << 18 | (second & 0x3f) << 12 | (third & 0x3f) << 6 | (fourth & 0x3f);
	}
	return 0;
}

static NOINLINE u8 *put_special(u8 *out, const u8 **at, const u8 *end)
{
	u32 byte = *(*at), length;
	const char *names = "\b\f\n\r\t\"\\", *letters = "bfnrt\"\\";
	for (u32 i = 0; i < 7; i++) {
		if (byte == (u8)names[i]) {
			*out = '\\';
			out[1] = letters[i];
			++*at;
			return out + 2;
		}
	}
	if (byte < 0x80) {
		++*at;
		return put_unit(out, byte);
	}
	u32 code = utf8(*at, end, &length);
	if (length == 0) {
		// Not UTF-8: as Python's surrogateescape has it.
		++*at;
		return put_unit(out, 0xdc00 + byte);
	}
	*at += length;
	if (code < 0x10000)
		return put_unit(out, code);
	code -= 0x10000;
	return put_unit(put_unit(out, 0xd800 + (code >> 10)), 0xdc00 + (code & 0x3ff));
}

// Needs room for six bytes for each, and two.
static u8 *put_text(u8 *out, const u8 *at, const u8 *end)
{
	*out++ = '"';
	while (at < end) {
		u32 byte = *at;
		if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
			out = put_special(out, &at, end);
		else {
			*out++ = byte;
			at++;
		}
	}
	*out++ = '"';
	return out;
}

// In lines; each ends with a line feed, which JSON escapes. Needs room for twice the bytes, and eight.
static u8 *put_base64(u8 *out, const u8 *at, const u8 *end)
{
	*out++ = '"';
	while (at < end) {
		const u8 *line = end - at < LINE ? end : at + LINE;
		while (at < line) {
			u32 left = line - at;
			u32 group = at[0] << 16 | (left > 1 ? at[1] : 0) << 8 | (left > 2 ? at[2] : 0);
			out[0] = BASE64[group >> 18];
			out[1] = BASE64[group >> 12 & 63];
			out[2] = left > 1 ? BASE64[group >> 6 & 63] : '=';
			out[3] = left > 2 ? BASE64[group & 63] : '=';
			out += 4;
			at += left > 2 ? 3 : left;
		}
		*out++ = '\\';
		*out++ = 'n';
	}
	*out++ = '"';
	return out;
}

// 0 where it is cut short or longer than 64 bits.
static NOINLINE const u8 *get_varint(const u8 *at, const u8 *end, u64 *value)
{
	u64 result = 0;
	for (u32 shift = 0; shift < 70 && at < end; shift += 7) {
		u64 byte = *at++;
		result |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			*value = result;
			return at;
		}
	}
	return 0;
}

static u8 *put_enum(u8 *out, const struct writer *w, const struct field *field, u32 value)
{
	const struct name *name = (const struct name *)(w->table + field->more);
	for (u32 i = 0; i < field->count; i++)
		if (name[i].value == value)
			return copy(out, w->table + name[i].text, name[i].length);
	return put_signed(out, (u64)(long long)(int)value);
}

static NOINLINE u8 *put_value(u8 *out, const struct writer *w, const struct field *field, u64 value)
{
	switch (field->kind) {
	case UINT32:
		return put_number(out, (u32)value);
	case UINT64:
		return put_number(out, value);
	case INT32:
		return put_signed(out, (u64)(long long)(int)value);
	case INT64:
		return put_signed(out, value);
	case SINT32:
		return put_signed(out, (u64)(long long)(int)((u32)value >> 1 ^ -((u32)value & 1)));
	case SINT64:
		return put_signed(out, value >> 1 ^ -(value & 1));
	case BOOL:
		return value ? copy(out, (const u8 *)"true    ", 4) : copy(out, (const u8 *)"false   ", 5);
	default:
		return put_enum(out, w, field, value);
	}
}

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

// SPDX-License-Identifier: MIT
// Writing JSON as crit does: numbers, names of values, text, base64.
#pragma once

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

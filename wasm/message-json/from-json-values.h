// SPDX-License-Identifier: MIT
// Reading JSON as crit writes it: numbers, names of values, text, base64.
#pragma once

struct reader {
	const u8 *table;
	const u8 *at;
	const u8 *end;
	u8 *out;
	u8 *room;
};

static inline void skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

// Passes over this character and the white space before it.
static inline int take(struct reader *r, u8 character)
{
	skip_space(r);
	if (r->at >= r->end || *r->at != character)
		return 0;
	r->at++;
	return 1;
}

// Up to seven bytes behind both may be read.
static inline int begins_with(const u8 *a, const u8 *b, u32 length)
{
	u32 i = 0;
	for (; i + 8 <= length; i += 8)
		if (load64(a + i) != load64(b + i))
			return 0;
	return i == length || (load64(a + i) ^ load64(b + i)) << 8 * (8 - (length - i)) == 0;
}

static NOINLINE int same(const u8 *a, const u8 *b, u32 length)
{
	return begins_with(a, b, length);
}

static NOINLINE u8 *put_varint(u8 *out, u64 value)
{
	while (value >= 0x80) {
		*out++ = value | 0x80;
		value >>= 7;
	}
	*out++ = value;
	return out;
}

// Are these eight characters digits, and what number are they? (Pairs, then fours, then all of them are put together.)
static inline int eight_digits_of(const u8 *at, u64 *value)
{
	u64 v = load64(at);
	if (((v & 0xf0f0f0f0f0f0f0f0) | ((v + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) >> 4) != 0x3333333333333333)
		return 0;
	v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	*value = (v & 0x0000ffff0000ffff) * 42949672960001 >> 32;
	return 1;
}

// A number in digits, of up to 64 bits.
static NOINLINE int get_digits(struct reader *r, u64 *value)
{
	const u8 *at = r->at, *begin = at;
	u64 result = 0;
	if (r->end - at >= 8 && eight_digits_of(at, &result))
		at += 8;
	for (; at < r->end && (u8)(*at - '0') < 10; at++) {
		u32 digit = *at - '0';
		if (at - begin >= 19 && (result > 0xffffffffffffffffULL / 10 || (result == 0xffffffffffffffffULL / 10 && digit > 5)))
			return 0;
		result = result * 10 + digit;
	}
	// None; or one that a zero begins; or a number that goes on in a way of its own; or the end of what is at hand.
	if (at == begin || (*begin == '0' && at != begin + 1) || at == r->end || *at == '.' || *at == 'e' || *at == 'E')
		return 0;
	r->at = at;
	*value = result;
	return 1;
}

static NOINLINE int get_number(struct reader *r, u64 low, u64 high, u64 *value)
{
	if (r->at < r->end && *r->at == '-') {
		r->at++;
		if (!get_digits(r, value) || *value == 0 || *value > low)
			return 0;
		*value = -*value;
		return 1;
	}
	return get_digits(r, value) && *value <= high;
}

static inline int get_word(struct reader *r, const char *word, u32 length)
{
	if (r->end - r->at < (int)length || !same(r->at, (const u8 *)word, length))
		return 0;
	r->at += length;
	return 1;
}

static int get_enum(struct reader *r, const struct field *field, u64 *value)
{
	if (*r->at != '"')
		return get_number(r, 0x80000000, 0x7fffffff, value);
	const struct name *name = (const struct name *)(r->table + field->more);
	for (u32 i = 0; i < field->count; i++) {
		if (!get_word(r, (const char *)r->table + name[i].text, name[i].length))
			continue;
		*value = (u64)(long long)(int)name[i].value;
		return 1;
	}
	return 0;
}

#define S32 0x80000000ULL, 0x7fffffffULL
#define S64 0x8000000000000000ULL, 0x7fffffffffffffffULL

// The varint for a value, which begins at the reader's place.
static NOINLINE int get_value(struct reader *r, const struct field *field, u64 *value)
{
	if (r->at >= r->end)
		return 0;
	switch (field->kind) {
	case UINT32:
		return get_digits(r, value) && *value <= 0xffffffff;
	case UINT64:
		return get_digits(r, value);
	case INT32:
		return get_number(r, S32, value);
	case INT64:
		return get_number(r, S64, value);
	case SINT32:
		if (!get_number(r, S32, value))
			return 0;
		*value = (u32)((u32)*value << 1 ^ ((*value >> 63) ? 0xffffffff : 0));
		return 1;
	case SINT64:
		if (!get_number(r, S64, value))
			return 0;
		*value = *value << 1 ^ ((*value >> 63) ? ~0ULL : 0);
		return 1;
	case BOOL:
		*value = *r->at == 't';
		return get_word(r, *value ? "true    " : "false   ", *value ? 4 : 5);
	default:
		return get_enum(r, field, value);
	}
}

// Four hexadecimal digits.
static int get_unit(struct reader *r, u32 *unit)
{
	*unit = 0;
	for (u32 i = 0; i < 4; i++, r->at++) {
		u32 digit = r->at < r->end ? *r->at : 0;
		u32 letter = (digit | 0x20) - 'a';
		if (digit - '0' < 10)
			*unit = *unit << 4 | (digit - '0');
		else if (letter < 6)
			*unit = *unit << 4 | (letter + 10);
		else
			return 0;
	}
	return 1;
}

static u8 *put_utf8(u8 *out, u32 code)
{
	if (code < 0x80) {
		*out++ = code;
		return out;
	}
	if (code < 0x800)
		*out++ = 0xc0 | code >> 6;
	else {
		if (code < 0x10000)
			*out++ = 0xe0 | code >> 12;
		else {
			*out++ = 0xf0 | code >> 18;
			*out++ = 0x80 | (code >> 12 & 0x3f);
		}
		*out++ = 0x80 | (code >> 6 & 0x3f);
	}
	*out++ = 0x80 | (code & 0x3f);
	return out;
}

// What follows a backslash.
static NOINLINE u8 *get_escape(struct reader *r, u8 *out)
{
	const char *names = "\b\f\n\r\t\"\\/", *letters = "bfnrt\"\\/";
	u32 letter = r->at < r->end ? *r->at++ : 0, unit, low;
	for (u32 i = 0; i < 8; i++) {
		if (letter == (u8)letters[i]) {
			*out = names[i];
			return out + 1;
		}
	}
	if (letter != 'u' || !get_unit(r, &unit))
		return 0;
	if (unit < 0xd800 || unit > 0xdfff)
		return put_utf8(out, unit);
	// A byte that was not UTF-8, alone; or the first half of a pair.
	if (unit >= 0xdc80 && unit <= 0xdcff) {
		*out = unit;
		return out + 1;
	}
	if (unit >= 0xdc00 || r->end - r->at < 6 || *r->at != '\\' || r->at[1] != 'u')
		return 0;
	r->at += 2;
	if (!get_unit(r, &low) || low < 0xdc00 || low > 0xdfff)
		return 0;
	return put_utf8(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
}

// What is behind the opening quote; the bytes are no more than the characters.
static NOINLINE u8 *get_text(struct reader *r, u8 *out)
{
	while (r->at < r->end) {
		u32 byte = *r->at++;
		if (byte == '"')
			return out;
		if (byte < 0x20 || byte >= 0x80)
			return 0;
		if (byte == '\\') {
			out = get_escape(r, out);
			if (out == 0)
				return 0;
		} else
			*out++ = byte;
	}
	return 0;
}

static inline u32 base64_value(u32 c)
{
	if (c - 'A' < 26)
		return c - 'A';
	if (c - 'a' < 26)
		return c - 'a' + 26;
	if (c - '0' < 10)
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

static NOINLINE u8 *get_base64(struct reader *r, u8 *out)
{
	u32 group = 0, count = 0, padding = 0;
	while (r->at < r->end) {
		u32 byte = *r->at++;
		if (byte == '"')
			// Whole groups of four.
			return count % 4 == 0 ? out : 0;
		if (byte == '\\') {
			if (r->at >= r->end || *r->at++ != 'n')
				return 0;
			continue;
		}
		u32 value = base64_value(byte);
		if (byte == '=' && count % 4 >= 2)
			padding++;
		else if (value == 64 || padding > 0)
			return 0;
		group = group << 6 | (value & 63);
		if (++count % 4 != 0)
			continue;
		*out++ = group >> 16;
		if (padding < 2)
			*out++ = group >> 8;
		if (padding < 1)
			*out++ = group;
	}
	return 0;
}

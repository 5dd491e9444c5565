// SPDX-License-Identifier: MIT
// What the modules share. No libc, no static state: everything a function needs comes by its arguments, as addresses in
// the one memory that all modules of a worker use.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name), used))

static inline u32 load32(const u8 *p) { u32 v; __builtin_memcpy(&v, p, 4); return v; }
static inline u64 load64(const u8 *p) { u64 v; __builtin_memcpy(&v, p, 8); return v; }
static inline void store32(u8 *p, u32 v) { __builtin_memcpy(p, &v, 4); }
static inline void store64(u8 *p, u64 v) { __builtin_memcpy(p, &v, 8); }

// SPDX-License-Identifier: GPL-2.0-only
/* cpuid for our own process: called through a pointer as void(u32 leaf, u32 subleaf, u32 out[4]). */
__attribute__((section(".text.entry"))) void entry(unsigned leaf, unsigned subleaf, unsigned *out)
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

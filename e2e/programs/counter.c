/* Counts on stdout, ten times a second; `verify` is whoever reads the numbers. */
#include "victim.h"

int main(void)
{
	say("ready");
	for (unsigned n = 0; !told_to_go(); n++) {
		say("%u", n);
		nap(100);
	}
	return finish();
}

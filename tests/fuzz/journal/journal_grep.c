/*
 * An expression, a NUL byte, a text: the text that every match must have is in every match, machine
 * code and interpreter agree, and neither takes more than it is given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/grep.h"

#define MOST_PATTERN 512u /* what sluiced takes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size < MOST_PATTERN ? size : MOST_PATTERN);
	const uint8_t *text = nul ? nul + 1 : NULL;
	size_t len = nul ? size - (size_t)(text - data) : 0;
	struct grep g = {0};
	char why[200] = "";
	bool slow, quick;
	int rc;

	if (!nul)
		return 0;
	rc = grep_compile(&g, (const char *)data, why);
	if (rc == -1 && why[0] == 0)
		abort();
	if (rc == 0) {
		quick = grep_confirm(&g, text, len);
		/* Without a code the literal is all of it. */
		if (g.code && quick && !grep_seek(&g, text, text + len))
			abort();
		g.jit = false;
		slow = grep_confirm(&g, text, len);
		if (g.undecided == 0 && quick != slow)
			abort();
	}
	grep_free(&g);
	return 0;
}

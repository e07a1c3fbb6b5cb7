#include "control/grep_check.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The larger number of a repetition "{m}", "{m,}" or "{m,n}" at `p`; 0 where it is none. */
static unsigned repetition(const char *p)
{
	unsigned number = 0, largest = 0;
	bool digits = false;

	for (p++; *p && *p != '}'; p++) {
		if (*p >= '0' && *p <= '9') {
			digits = true;
			number = number * 10 + (unsigned)(*p - '0');
			if (number > GREP_MAX_COPIES)
				number = GREP_MAX_COPIES + 1;
			largest = number > largest ? number : largest;
		} else if (*p == ',') {
			number = 0;
		} else {
			return 0;
		}
	}
	return digits && *p ? largest : 0;
}

/* Behind a bracket expression that begins at `p` ("[^]a]", "[[:digit:]]"). */
static const char *skip_brackets(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		if (p[0] == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '=')) {
			const char close[] = {p[1], ']', '\0'};
			const char *end = strstr(p + 2, close);

			if (!end)
				return p + strlen(p);
			p = end + 1;
		}
		p++;
	}
	return *p ? p + 1 : p;
}

const char *grep_check(const char *pattern)
{
	unsigned copies = 1;

	for (const char *p = pattern; *p;) {
		unsigned n;

		if (*p == '[') {
			p = skip_brackets(p);
			continue;
		}
		if (*p == '\\') {
			if (p[1] >= '1' && p[1] <= '9')
				return "back-references are not supported";
			p += p[1] ? 2 : 1;
			continue;
		}
		n = *p == '{' ? repetition(p) : 0;
		if (n > 1)
			copies = copies * n > GREP_MAX_COPIES ? GREP_MAX_COPIES + 1 : copies * n;
		if (copies > GREP_MAX_COPIES)
			return "its repetitions multiply to more than 100";
		p++;
	}
	return NULL;
}

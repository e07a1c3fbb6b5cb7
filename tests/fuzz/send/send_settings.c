/* Any bytes as a configuration of sluice-send: taken or refused with words. */
#include <stdlib.h>
#include <string.h>

#include "send/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s;
	char err[400] = "";

	if (size > SETTINGS_FILE)
		return 0;
	settings_default(&s);
	if (settings_parse(&s, (const char *)data, size, err, sizeof(err)) != 0 && !err[0])
		abort();
	if (settings_check(&s, err, sizeof(err)) != 0 && !err[0])
		abort();
	/* Every text ends in its field. */
	if (memchr(s.server, '\0', sizeof(s.server)) == NULL ||
		memchr(s.control, '\0', sizeof(s.control)) == NULL)
		abort();
	return 0;
}

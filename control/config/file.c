/* A configuration from a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/config/schema.h"

/* The whole file, or NULL with an error. One byte more than the bound is read, so that parsing says
 * it. */
static char *read_file(const char *path, size_t *len, struct config_errors *errors)
{
	const size_t size = CONFIG_MAX_BYTES + 1;
	char *text = malloc(size);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	*len = 0;
	if (fd < 0 || !text) {
		config_file_error(errors, NULL, "cannot be read: %s", strerror(errno));
		free(text);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while (*len < size && (n = read(fd, text + *len, size - *len)) > 0)
		*len += (size_t)n;
	if (n < 0) {
		config_file_error(errors, NULL, "cannot be read: %s", strerror(errno));
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

int config_load(const char *path, struct config *cfg, struct config_errors *errors)
{
	size_t len;
	char *text;
	int rc;

	config_errors_init(errors, path);
	text = read_file(path, &len, errors);
	if (!text) {
		config_defaults(cfg);
		return -1;
	}
	rc = config_parse(text, len, path, cfg, errors);
	free(text);
	return rc;
}

/* What the configuration's tests share. Included after cmocka's headers by one file each. */
#ifndef SLUICE_CONFIG_TEST_H
#define SLUICE_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/config/config.h"

/* The least that a file must hold, on one line. */
#define PORT "ports: [{name: p, devargs: net_null0, addresses: [192.0.2.2/24]}]\n"

static struct config cfg;
static struct config_errors errors;

static inline int parse(const char *text)
{
	return config_parse(text, strlen(text), "t.yaml", &cfg, &errors);
}

static inline void must_parse(const char *text)
{
	if (parse(text) != 0) {
		config_errors_print(&errors, stderr);
		fail_msg("refused: %s", text);
	}
}

#endif

#include "send/tell.h"

#include <stdarg.h>
#include <stdio.h>

void tell(const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "sluice-send: %s\n", text);
}

#include "dataplane/base/reason.h"

#include <string.h>

#define REASON_NAME(s) #s,

static const char *const drop_names[] = {DROP_REASONS(REASON_NAME)};
static const char *const wire_names[] = {WIRE_REASONS(REASON_NAME)};
static const char *const refusal_names[] = {REFUSAL_REASONS(REASON_NAME)};

const char *drop_reason_slug(unsigned reason)
{
	return reason < DROP_REASON_COUNT ? drop_names[reason] : "unknown";
}

const char *wire_reason_slug(unsigned reason)
{
	return reason < WIRE_REASON_COUNT ? wire_names[reason] : "unknown";
}

const char *refusal_reason_slug(unsigned reason)
{
	return reason < REFUSAL_REASON_COUNT ? refusal_names[reason] : "unknown";
}

int drop_reason_from_slug(const char *slug)
{
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (strcmp(slug, drop_names[i]) == 0)
			return i;
	return -1;
}
